"""Lets only people with a role in a course see its pages, and others not even that there are any."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.accounts.token_rules import LEARNER, Scope
from gradus.classes import membership
from gradus.classes.models import Class, Label
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.validators import whole_number

View = Callable[..., HttpResponse]


def account(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def in_course(need: Scope | None = None) -> Callable[[View], View]:
    """Returns a decorator for views of one course: they get its row in place of the slug.

    Without `need`, any role will do. A person whose role is too low reads which level is missing.
    """

    def decorated(view: View) -> View:
        @login_required
        @wraps(view)
        def answer(request: HttpRequest, slug: str, **given: Any) -> HttpResponse:
            reachable = Course.objects.filter(has_role(account(request)))
            course = get_object_or_404(reachable, slug=slug)
            try:
                roles.refuse_unless(request.user, course, need or LEARNER)
            except Refused as refused:
                return render(request, "teach/refused.html", {"course": course, "refused": refused}, status=403)
            return view(request, course, **given)

        return answer

    return decorated


def in_class(need: Scope = roles.SEES_ANSWERS) -> Callable[[View], View]:
    """Returns a decorator for views of one class: they get its row in place of the key.

    A person without a role in the class or its course is told that there is no such page, and a person whose role is
    too low reads which level is missing, also where a service refuses it.
    """

    def decorated(view: View) -> View:
        @login_required
        @wraps(view)
        def answer(request: HttpRequest, pk: int, **given: Any) -> HttpResponse:
            found = get_object_or_404(Class.objects.select_related("course", "context"), pk=pk)
            try:
                membership.refuse_unless(account(request), found, need)
                return view(request, found, **given)
            except Refused as refused:
                if refused.code != "missing_role":
                    raise
                context = {"course": found.course, "class": found, "refused": refused}
                return render(request, "teach/refused.html", context, status=403)

        return answer

    return decorated


def has_role(user: User) -> Any:
    """Returns the condition for courses in which the person may do more than learn."""
    return roles.reach(user, roles.PREVIEWS) | roles.reach(user, roles.SEES_ANSWERS)


def allowed(scope: Scope) -> dict[str, bool]:
    """Returns what the templates ask for, by name."""
    needs = {
        "preview": roles.PREVIEWS,
        "view": roles.VIEWS,
        "edit": roles.EDITS,
        "own": roles.OWNS,
        "review": roles.SEES_ANSWERS,
        "decide": roles.DECIDES,
    }
    return {name: scope.includes(need) for name, need in needs.items()}


def label_chosen(of_class: Class, request: HttpRequest) -> Label | None:
    """Returns the label that `?label=` names, or None if it names none of this class."""
    key = whole_number(request.GET.get("label"))
    return None if key is None else of_class.labels.filter(pk=key).first()
