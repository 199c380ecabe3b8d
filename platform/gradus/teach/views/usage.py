"""What a course or a class has used and what limits it, for the people who decide there; also as a file."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from gradus import csv_files
from gradus.accounts import roles
from gradus.classes.models import Class
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.submissions.budgets import quotas
from gradus.teach import budgets, usage
from gradus.teach.views.access import account, allowed, in_class, in_course
from gradus.teach.views.classes import shared


@require_http_methods(["GET", "HEAD", "POST"])
@in_course(roles.DECIDES)
def course_use(request: HttpRequest, course: Course) -> HttpResponse:
    """Shows the use of a course. A POST sets its budgets."""
    scope, may = usage.Scope(course), roles.scope_in(request.user, course)
    answer = _set_budgets(request, scope)
    if isinstance(answer, HttpResponse):
        return answer
    uses = usage.measured(scope)
    context = {
        **_context(scope, uses),
        "course": course,
        "may": allowed(may),
        "budgets": answer,
        "classes": usage.classes_of(usage.most_first(usage.by(uses, "of_class"))),
    }
    return render(request, "teach/use/course.html", context, status=422 if answer.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@in_class(roles.DECIDES)
def class_use(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Shows the use of a class. A POST sets its budgets."""
    scope = usage.Scope(of_class.course, of_class)
    answer = _set_budgets(request, scope)
    if isinstance(answer, HttpResponse):
        return answer
    context = {
        **shared(request, of_class, "use"),
        **_context(scope, usage.measured(scope)),
        "owns": roles.may(request.user, of_class.course, roles.OWNS),
        "budgets": answer,
        "of_course": [line for line in budgets.lines(_states(scope, of_course=True)) if line.state],
        "granted": usage.granted(of_class),
    }
    return render(request, "teach/use/class.html", context, status=422 if answer.errors else 200)


def _set_budgets(request: HttpRequest, scope: usage.Scope) -> HttpResponse | budgets.BudgetsForm:
    """Returns the form for the page, or the answer to a POST that was carried out."""
    if request.method != "POST":
        return budgets.BudgetsForm(_states(scope))
    form = budgets.BudgetsForm(_states(scope), request.POST)
    try:
        roles.refuse_unless(request.user, scope.course, roles.OWNS)
        if form.is_valid():
            place = scope.of_class or scope.course
            seen = form.cleaned_data["seen"]
            count = quotas.set_budgets(place, form.wishes(), by=account(request), seen=seen)
            messages.success(request, _("The budgets were saved.") if count else _("Nothing was changed."))
            return redirect(request.path)
    except Refused as refused:
        if refused.code == "missing_role":
            context = {"course": scope.course, "class": scope.of_class, "refused": refused}
            return render(request, "teach/refused.html", context, status=403)
        form.refuse(refused)
    return form


def _states(scope: usage.Scope, *, of_course: bool = False) -> list[quotas.State]:
    """Returns the budgets of the scope alone, or those of its course."""
    if scope.of_class is None or of_course:
        return quotas.states(scope.course.pk, None)
    found = quotas.states(scope.course.pk, scope.of_class.pk)
    return [one for one in found if one.quota.of_class_id]


def _context(scope: usage.Scope, uses: dict[usage.Group, usage.Use]) -> dict[str, Any]:
    people = usage.most_first(usage.by(uses, "user"))
    return {
        "total": usage.total([use for _key, use in people]),
        "people": usage.people_of(scope, people[: usage.LISTED]),
        "more": max(0, len(people) - usage.LISTED),
        "limits": usage.of_challenges(scope),
    }


@require_safe
@in_course(roles.DECIDES)
def course_use_download(request: HttpRequest, course: Course) -> HttpResponse:
    return _file(usage.Scope(course), course.slug)


@require_safe
@in_class(roles.DECIDES)
def class_use_download(request: HttpRequest, of_class: Class) -> HttpResponse:
    return _file(usage.Scope(of_class.course, of_class), of_class.course.slug, of_class.title)


def _file(scope: usage.Scope, *name: str) -> HttpResponse:
    people = usage.people_of(scope, usage.most_first(usage.by(usage.measured(scope), "user")))
    return csv_files.response(csv_files.text_of(usage.rows_of(people)), "use", *name)
