"""A file of a course in an editor, and a file of rows as a table."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from challenges.problems import ROWS
from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.studio import rows as tables
from gradus.studio import services, workspace
from gradus.studio.forms import FileForm, RowForm
from gradus.studio.views.page import in_studio
from gradus.studio.workspace import ChangedMeanwhile, File
from gradus.teach.views.access import account, allowed
from gradus.validators import whole_number

MARKDOWN = ".md"
# A longer text is not rendered with each pause in writing.
PREVIEW_CHARS = 100_000


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
    """Shows a file in an editor. A POST saves it, removes it, takes changes back, or shows what is typed."""
    try:
        file = _read(request, course)
    except Refused as refused:
        messages.warning(request, refused.message)
        return redirect("studio:studio", course.slug)
    form = FileForm(file.path, initial={"text": file.text or "", "seen": file.seen})
    theirs: File | None = None
    status = 200
    if request.method == "POST":
        form = FileForm(file.path, request.POST)
        try:
            if request.POST.get("action") != "preview":
                return _changed(request, course, file.path, form)
            form.is_valid()
        except ChangedMeanwhile as refused:
            form.refuse(refused)
            form.see(refused.now.seen)
            theirs, status = refused.now, refused.status
        except Refused as refused:
            form.refuse(refused)
            status = refused.status
    context = {
        "course": course,
        "may": allowed(roles.scope_in(request.user, course)),
        "file": file,
        "form": form,
        "theirs": theirs,
        "is_secret": workspace.is_secret(file.path),
        "has_preview": file.path.endswith(MARKDOWN) and not file.is_binary,
        "shown": form.data.get("text", "") if form.is_bound else file.text or "",
        "preview_max": PREVIEW_CHARS,
        "kept": services.difference(theirs.text or "", form.data.get("text", "")) if theirs else [],
        "moved": services.difference(file.below or "", file.text or "") if file.is_moved else [],
        "help": services.help_of(file.path),
    }
    return render(request, "studio/file.html", context, status=status)


@require_POST
@in_studio
def preview(request: HttpRequest, course: Course) -> HttpResponse:
    """Shows a text as its page will, while it is written. Nothing of it is stored."""
    form = FileForm(MARKDOWN, request.POST)
    text = form.cleaned_data["text"] if form.is_valid() else ""
    context = {"course": course, "form": form, "shown": text, "preview_max": PREVIEW_CHARS}
    return render(request, "studio/_preview.html", context)


def _changed(request: HttpRequest, course: Course, path: str, form: FileForm) -> HttpResponse:
    act, seen = request.POST.get("action", "save"), request.POST.get("seen", "")
    by = account(request)
    if act == "remove":
        workspace.remove(course, path, by=by, seen=seen)
        messages.success(request, _("The file is removed from the next draft."))
        return redirect("studio:studio", course.slug)
    if act == "revert":
        is_new = not workspace.read(course, path).base
        workspace.revert(course, path, by=by, seen=seen)
        if is_new:
            messages.success(request, _("The file is deleted. It was in no draft."))
            return redirect("studio:studio", course.slug)
        messages.success(request, _("The changes of this file are taken back."))
    elif act == "keep":
        workspace.keep_mine(course, path, by=by, seen=seen)
        messages.success(request, _("Your text stays, and takes the place of what was pushed."))
    elif form.is_valid():
        workspace.save(course, path, form.cleaned_data["text"], by=by, seen=seen)
        messages.success(request, _("Saved. Learners see it when the next draft is published."))
    else:
        raise Refused("invalid", _("The text was not saved."), 422)
    return redirect(address_of(course, "file", path=path))


def address_of(course: Course, page: str, **query: Any) -> str:
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
    return redirect(address_of(course, "rows", path=file.path))
