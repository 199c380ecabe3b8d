"""The pages of the studio. They are for editors and owners of a course alone, because its files hold hidden rows."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from challenges.problems import ROWS
from challenges.reading import BundleErrors
from challenges.scaffold.base import Wanted
from challenges.scaffold.folders import CannotBegin, begin_challenge, begin_lesson
from challenges.tables.entries import Columns
from challenges.tables.formats import TableErrors
from challenges.tables.imports import Options, import_rows
from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses import publishing
from gradus.courses.models import Course
from gradus.courses.versions import VersionRefused
from gradus.refusal import Refused
from gradus.studio import rows as tables
from gradus.studio import services, workspace
from gradus.studio.forms import AddForm, CourseForm, EarlierForm, FileForm, ImportForm, NoteForm, RowForm
from gradus.studio.workspace import ChangedMeanwhile, File
from gradus.teach.views.access import account, allowed, in_course
from gradus.validators import whole_number

in_studio = in_course(roles.EDITS)
VERSIONS = 10


@require_safe
def write(request: HttpRequest) -> HttpResponse:
    """Says to anybody how a challenge comes about, and leads those who may to the studio."""
    user = request.user
    may_create = isinstance(user, User) and user.is_active and (user.may_create_courses or user.is_staff)
    edited = Course.objects.filter(roles.reach(account(request), roles.EDITS)) if user.is_authenticated else None
    courses = list(edited.order_by("title")[:VERSIONS]) if edited is not None else []
    return render(request, "studio/write.html", {"may_create": may_create, "edited": courses})


@login_required
@never_cache
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
    return render(request, "studio/studio.html", _context(request, course))


def _context(request: HttpRequest, course: Course, **more: Any) -> dict[str, Any]:
    files = workspace.listed(course)
    folders = defaultdict(list)
    for one in files:
        folders[one.folder].append(one)
    lessons, challenges = _folders_with(files, "lesson.yaml"), _folders_with(files, "challenge.yaml")
    draft = publishing.draft_of(course)
    context = {
        "course": course,
        "may": allowed(roles.scope_in(request.user, course)),
        "folders": sorted(folders.items()),
        "changed": [one for one in files if one.state != "same"],
        "draft": draft,
        "changes": draft.difference.get("lines", []) if draft else [],
        "earlier": [
            one for one in course.versions.published().exclude(archive="")[:VERSIONS] if one.digest != course.digest
        ],
        "add_form": AddForm(lessons),
        "import_form": ImportForm(challenges),
        "note_form": NoteForm(),
    }
    return context | more


def _folders_with(files: list[workspace.Listed], name: str) -> list[str]:
    return [one.folder for one in files if one.name == name and one.state != "removed"]


@require_safe
@in_studio
def problems_show(request: HttpRequest, course: Course) -> HttpResponse:
    """Shows what lint says of the files as they are now, as a part of the page or as a page."""
    found = workspace.lint(course)
    context = {"course": course, "problems": found.problems, "advice": found.advice}
    if request.headers.get("HX-Request"):
        return render(request, "studio/_problems.html", context)
    return render(request, "studio/problems.html", {**context, "may": allowed(roles.scope_in(request.user, course))})


def _path(request: HttpRequest) -> str:
    return request.GET.get("path", "").strip("/")


def _read(request: HttpRequest, course: Course) -> File:
    """Returns the file that the address names, and notes that the person reads it if learners must not."""
    path = _path(request)
    file = workspace.read(course, path)
    if workspace.is_secret(path) and file.text is not None:
        staff.note(StaffAction.What.HIDDEN_ROWS_READ, course, file=path)
    return file


@require_http_methods(["GET", "HEAD", "POST"])
@in_studio
def file_show(request: HttpRequest, course: Course) -> HttpResponse:
    """Shows a file in an editor, with what lint says of it. A POST saves, removes or takes changes back."""
    try:
        file = _read(request, course)
    except Refused as refused:
        messages.warning(request, refused.message)
        return redirect("studio:studio", course.slug)
    form = FileForm(initial={"text": file.text or "", "seen": file.seen})
    theirs: File | None = None
    status = 200
    if request.method == "POST":
        form = FileForm(request.POST)
        try:
            return _changed(request, course, file.path, form)
        except ChangedMeanwhile as refused:
            form.refuse(refused)
            form.see(refused.now.seen)
            theirs, status = refused.now, refused.status
        except Refused as refused:
            form.refuse(refused)
            status = refused.status
    problems = [one for one in workspace.lint(course).problems if one.file == file.path]
    context = {
        "course": course,
        "may": allowed(roles.scope_in(request.user, course)),
        "file": file,
        "form": form,
        "theirs": theirs,
        "problems": problems,
        "is_secret": workspace.is_secret(file.path),
        "kept": services.difference(theirs.text or "", form.data.get("text", "")) if theirs else [],
        "moved": services.difference(file.below or "", file.text or "") if file.is_moved else [],
        "help": services.help_of(file.path),
    }
    return render(request, "studio/file.html", context, status=status)


def _changed(request: HttpRequest, course: Course, path: str, form: FileForm) -> HttpResponse:
    act, seen = request.POST.get("action", "save"), request.POST.get("seen", "")
    by = account(request)
    if act == "remove":
        workspace.remove(course, path, by=by, seen=seen)
        messages.success(request, _("The file is removed from the next draft."))
        return redirect("studio:studio", course.slug)
    if act == "revert":
        workspace.revert(course, path, by=by, seen=seen)
        messages.success(request, _("The changes of this file are taken back."))
    elif act == "keep":
        workspace.keep_mine(course, path, by=by, seen=seen)
        messages.success(request, _("Your text stays, and takes the place of what was pushed."))
    elif form.is_valid():
        workspace.save(course, path, form.cleaned_data["text"], by=by, seen=seen)
        messages.success(request, _("Saved. Learners see it when the next draft is published."))
    else:
        raise Refused("invalid", _("The text was not saved."), 422)
    return redirect(_address(course, "file", path=path))


def _address(course: Course, page: str, **query: Any) -> str:
    return f"{reverse(f'studio:{page}', args=[course.slug])}?{urlencode(query)}"


@require_http_methods(["GET", "HEAD", "POST"])
@in_studio
def rows_show(request: HttpRequest, course: Course) -> HttpResponse:
    """Shows a file of rows as a table. A POST changes, adds or removes a row."""
    try:
        file = _read(request, course)
    except Refused as refused:
        messages.warning(request, refused.message)
        return redirect("studio:studio", course.slug)
    if not file.path.endswith(ROWS) or file.text is None:
        messages.warning(request, _("There is no such file of rows."))
        return redirect("studio:studio", course.slug)
    search, label = request.GET.get("search", "")[:200], request.GET.get("label", "")
    table = tables.read(file.text, search, label)
    number = whole_number(request.GET.get("row"))
    chosen = next((row for row in table.rows if row.number == number), None)
    form = RowForm(initial={"seen": file.seen, "number": number, "row": chosen.as_json if chosen else ""})
    status = 200
    if request.method == "POST":
        form = RowForm(request.POST)
        try:
            return _row_changed(request, course, file, form)
        except ChangedMeanwhile as refused:
            form.refuse(refused)
            form.see(refused.now.seen)
            status = refused.status
        except Refused as refused:
            form.refuse(refused)
            status = refused.status
    page = Paginator(table.found, tables.LISTED).get_page(request.GET.get("page"))
    context = {
        "course": course,
        "may": allowed(roles.scope_in(request.user, course)),
        "file": file,
        "table": table,
        "rows": page,
        "near": list(table.near()) if "near" in request.GET else None,
        "search": search,
        "label": label,
        "here": urlencode({"path": file.path}),
        "kept": urlencode({"search": search, "label": label}),
        "form": form,
        "number": number,
        "problems": [one for one in workspace.lint(course).problems if one.file == file.path],
    }
    return render(request, "studio/rows.html", context, status=status)


def _row_changed(request: HttpRequest, course: Course, file: File, form: RowForm) -> HttpResponse:
    assert file.text is not None
    seen, number = request.POST.get("seen", ""), whole_number(request.POST.get("number"))
    if request.POST.get("action") == "remove" and number:
        text = tables.without_row(file.text, number)
    elif form.is_valid():
        text = tables.with_row(file.text, form.cleaned_data["number"], form.cleaned_data["row"])
    else:
        raise Refused("invalid", _("The row was not saved."), 422)
    workspace.save(course, file.path, text, by=account(request), seen=seen)
    messages.success(request, _("Saved. The score of learners is computed from it when the next draft is published."))
    return redirect(_address(course, "rows", path=file.path))


@require_POST
@in_studio
def add(request: HttpRequest, course: Course) -> HttpResponse:
    """Adds a challenge or a lesson from its template, or opens a new file."""
    files = workspace.listed(course)
    form = AddForm(_folders_with(files, "lesson.yaml"), request.POST)
    if not form.is_valid():
        return _refused(request, course, add_form=form)
    given = form.cleaned_data
    if given["what"] == "file":
        return redirect(_address(course, "file", path=given["name"].strip("/")))
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
    form = ImportForm(_folders_with(files, "challenge.yaml"), request.POST, request.FILES)
    if not form.is_valid():
        return _refused(request, course, import_form=form)
    given = form.cleaned_data
    split = tuple(float(part) for part in given["split"].split("/")) if given["split"] else ()

    def work(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as place:
            table = Path(place) / (Path(given["table"].name).name or "table.csv")
            table.write_bytes(given["table"].read())
            columns = Columns(text=given["column"], labels=(given["label"],))
            import_rows(table, folder / given["challenge"], Options(columns, split), None).write()

    return _worked(request, course, work, form, "table", import_form=form)


def _worked(
    request: HttpRequest, course: Course, work: Callable[[Path], None], form: Any, field: str, **context: Any
) -> HttpResponse:
    """Lets something work on the folder of the course and stores what it has changed, or says what it refuses."""
    try:
        changed = services.worked(course, work, by=account(request))
    except CannotBegin as error:
        form.add_error(field, services.sentence(str(error)))
    except (TableErrors, BundleErrors) as error:
        for problem in error.problems:
            form.add_error(field, services.sentence(f"{problem.what}: {problem.fix}"))
    except Refused as refused:
        form.refuse(refused)
    else:
        said = ngettext("One file was written.", "%(count)s files were written.", len(changed))
        messages.success(request, said % {"count": len(changed)})
        return redirect("studio:studio", course.slug)
    return _refused(request, course, **context)


def _refused(request: HttpRequest, course: Course, **context: Any) -> HttpResponse:
    return render(request, "studio/studio.html", _context(request, course, **context), status=422)


@require_POST
@in_studio
def draft_make(request: HttpRequest, course: Course) -> HttpResponse:
    """Makes a draft of what was changed."""
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _refused(request, course, note_form=form)
    try:
        draft = workspace.make_draft(course, by=account(request), note=form.cleaned_data["note"])
    except BundleErrors as errors:
        said = _("No draft was made, because the files have problems. They are listed below; your changes are kept.")
        messages.warning(request, said)
        return _refused(request, course, problems=errors.problems, note_form=form)
    except VersionRefused as error:
        messages.warning(request, str(error))
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        said = _("Version %(version)s is the draft now. Look at it, and publish it when it is right.")
        messages.success(request, said % {"version": draft.version})
    return redirect("studio:studio", course.slug)


def _on_draft(act: Callable[..., Any], said: Any) -> Callable[..., HttpResponse]:
    @require_POST
    @in_studio
    def answer(request: HttpRequest, course: Course) -> HttpResponse:
        draft = publishing.draft_of(course)
        try:
            if draft is None:
                raise Refused("no_draft", _("There is no draft of this course at the moment."), 409)
            publishing.refuse_unless_seen(draft, request.POST.get("digest", ""))
            act(draft, by=account(request))
        except VersionRefused as error:
            messages.warning(request, str(error))
        except Refused as refused:
            messages.warning(request, refused.message)
        else:
            messages.success(request, said)
        is_there = Course.objects.filter(pk=course.pk).exists()
        return redirect("studio:studio", course.slug) if is_there else redirect("teach:courses")

    return answer


draft_publish = _on_draft(
    publishing.publish, gettext_lazy("Published. What this server has not verified yet goes live when it has.")
)
draft_discard = _on_draft(
    publishing.discard, gettext_lazy("The draft is discarded. What learners see has not changed.")
)


@require_POST
@in_studio
def course_rollback(request: HttpRequest, course: Course) -> HttpResponse:
    """Makes a draft of an earlier version, which one then looks at and publishes."""
    form = EarlierForm(request.POST)
    if not form.is_valid():
        return _refused(request, course, earlier_form=form)
    version = form.cleaned_data["version"]
    try:
        draft = publishing.rollback(course, version, by=account(request))
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        said = _("Version %(version)s has the content of %(earlier)s. It is a draft: publish it to go back.")
        messages.success(request, said % {"version": draft.version, "earlier": version})
    return redirect("studio:studio", course.slug)
