"""What a course or a class has used and what limits it, for the people who decide there; also as a file."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gradus import csv_files
from gradus.accounts import roles
from gradus.classes.models import Class
from gradus.courses.models import Course
from gradus.teach import usage
from gradus.teach.views.access import allowed, in_class, in_course
from gradus.teach.views.classes import shared


@require_safe
@in_course(roles.DECIDES)
def course_use(request: HttpRequest, course: Course) -> HttpResponse:
    scope = usage.Scope(course)
    uses = usage.measured(scope)
    context = {
        **_context(scope, uses),
        "course": course,
        "may": allowed(roles.scope_in(request.user, course)),
        "classes": usage.classes_of(usage.most_first(usage.by(uses, "of_class"))),
    }
    return render(request, "teach/use/course.html", context)


@require_safe
@in_class(roles.DECIDES)
def class_use(request: HttpRequest, of_class: Class) -> HttpResponse:
    scope = usage.Scope(of_class.course, of_class)
    context = {
        **shared(request, of_class, "use"),
        **_context(scope, usage.measured(scope)),
        "granted": usage.granted(of_class),
    }
    return render(request, "teach/use/class.html", context)


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
