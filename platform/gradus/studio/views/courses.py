"""The ways into the studio, its first page, and what is added to a course from templates and tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from challenges.problems import Problem
from challenges.reading import BundleErrors
from challenges.scaffold.base import Wanted
from challenges.scaffold.folders import CannotBegin, begin_challenge, begin_lesson
from challenges.tables.entries import Columns
from challenges.tables.formats import TableErrors
from challenges.tables.imports import Options, import_rows
from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.studio import remedies, services, workspace
from gradus.studio.forms import AddForm, CourseForm, ImportForm
from gradus.studio.views.files import address_of
from gradus.studio.views.page import VERSIONS, context_of, folders_with, in_studio, refused_on_page
from gradus.teach.views.access import account, allowed

# Rows of a table that were left out, of which a page shows no more.
LEFT_OUT = 1000


@require_safe
def write(request: HttpRequest) -> HttpResponse:
    """Says to anybody how a challenge comes about, and leads those who may to the studio."""
    user = request.user
    may_create = isinstance(user, User) and user.is_active and (user.may_create_courses or user.is_staff)
    edited = Course.objects.filter(roles.reach(account(request), roles.EDITS)) if user.is_authenticated else None
    courses = list(edited.order_by("title")[:VERSIONS]) if edited is not None else []
    return render(request, "studio/write.html", {"may_create": may_create, "edited": courses})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def course_new(request: HttpRequest) -> HttpResponse:
    """Begins a course from the template."""
    if not (account(request).may_create_courses or account(request).is_staff):
        raise Http404
    form = CourseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            course = services.begin_course(
                form.cleaned_data["course"], form.cleaned_data["lesson"], by=account(request)
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("The course has begun. Add a challenge, and write the texts that are marked."))
            return redirect("studio:studio", course.slug)
    return render(request, "studio/new.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
@in_studio
def studio_show(request: HttpRequest, course: Course) -> HttpResponse:
    """Lists the files of a course with what was changed, and what one can do next."""
    return render(request, "studio/studio.html", context_of(request, course))


@require_safe
@in_studio
def problems_show(request: HttpRequest, course: Course) -> HttpResponse:
    """Shows what lint says of all files, or of the one at `path`, as a part of the page or as a page."""
    path = request.GET.get("path", "").strip("/")
    found = workspace.lint(course)
    problems, advice = remedies.of_problems(found.problems), remedies.of_problems(found.advice)
    context = {"course": course, "problems": problems, "advice": advice, "path": path}
    if path:
        context |= {"problems": [one for one in problems if one.file == path], "advice": []}
    if request.headers.get("HX-Request"):
        return render(request, "studio/_problems_of.html" if path else "studio/_problems.html", context)
    return render(request, "studio/problems.html", {**context, "may": allowed(roles.scope_in(request.user, course))})


@require_POST
@in_studio
def add(request: HttpRequest, course: Course) -> HttpResponse:
    """Adds a challenge or a lesson from its template, or opens a new file."""
    files = workspace.listed(course)
    form = AddForm(folders_with(files, "lesson.yaml"), request.POST)
    if not form.is_valid():
        return refused_on_page(request, course, add_form=form)
    given = form.cleaned_data
    if given["what"] == "file":
        return redirect(address_of(course, "file", path=given["name"].strip("/")))
    labels = tuple(one.strip() for one in given["labels"].split(",") if one.strip())

    def begin(folder: Path) -> None:
        if given["what"] == "lesson":
            begin_lesson(folder, given["name"])
        else:
            begin_challenge(folder / given["lesson"], given["kind"], Wanted(given["name"], labels=labels))

    return _worked(request, course, begin, form, "name", add_form=form)


@require_POST
@in_studio
def rows_import(request: HttpRequest, course: Course) -> HttpResponse:
    """Makes the rows of a challenge from a table."""
    files = workspace.listed(course)
    form = ImportForm(folders_with(files, "challenge.yaml"), request.POST, request.FILES)
    if not form.is_valid():
        return refused_on_page(request, course, import_form=form)
    given, counts, left_out = form.cleaned_data, dict[str, int](), list[Problem]()
    split = tuple(float(part) for part in given["split"].split("/")) if given["split"] else ()

    def work(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as place:
            table = Path(place) / (Path(given["table"].name).name or "table.csv")
            table.write_bytes(given["table"].read())
            columns = Columns(text=given["column"], labels=(given["label"],))
            options = Options(columns, split, afresh=given["afresh"])
            imported = import_rows(table, folder / given["challenge"], options, None)
            imported.write()
            counts.update({name: len(rows) for name, rows in imported.files.items()})
            left_out.extend(remedies.of_problems(row.problem("") for row in imported.dropped))

    answer = _worked(request, course, work, form, "table", counts, import_form=form)
    if not left_out or answer.status_code >= HTTPStatus.BAD_REQUEST:
        return answer
    # They are stored nowhere, so this page shows them, and not the one that the redirect leads to.
    return render(request, "studio/studio.html", context_of(request, course, left_out=left_out, rows_listed=LEFT_OUT))


def _worked(
    request: HttpRequest,
    course: Course,
    work: Callable[[Path], None],
    form: Any,
    field: str,
    rows: Mapping[str, int] = MappingProxyType({}),
    **context: Any,
) -> HttpResponse:
    """Lets something work on the folder of the course and stores what it has changed, or says what it refuses.

    `rows` is how many rows each file has after it.
    """
    try:
        changed = services.worked(course, work, by=account(request))
    except CannotBegin as error:
        form.add_error(field, services.sentence(str(error)))
    except (TableErrors, BundleErrors) as error:
        for problem in error.problems:
            form.add_error(field, _refused(problem))
    except Refused as refused:
        form.refuse(refused)
    else:
        messages.success(request, _written(changed, rows))
        # The page would stay at the form, whose fragment the address has.
        return redirect(f"{reverse('studio:studio', args=[course.slug])}#main")
    return refused_on_page(request, course, **context)


def _refused(problem: Problem) -> str:
    said = services.sentence(f"{problem.what}: {problem.fix}")
    if problem.line is None:
        return said
    return _("Line %(line)s: %(said)s") % {"line": problem.line, "said": said}


def _written(changed: Sequence[str], rows: Mapping[str, int]) -> str:
    if not changed and rows:
        return _("Nothing was changed: these rows stand there already, each in its part.")
    said = ngettext("One file was written.", "%(count)s files were written.", len(changed)) % {"count": len(changed)}
    counted = ", ".join(f"{name} {count}" for name, count in rows.items())
    return f"{said} {_('Rows of each: %(rows)s.') % {'rows': counted}}" if counted else said
