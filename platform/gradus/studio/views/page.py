"""The first page of the studio, which each form on it shows again where something is refused."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts import roles
from gradus.courses import publishing
from gradus.courses.models import Course
from gradus.studio import workspace
from gradus.studio.forms import AddForm, ImportForm, NoteForm, UploadForm
from gradus.teach.views.access import allowed, in_course

in_studio = in_course(roles.EDITS)
VERSIONS = 10


def context_of(request: HttpRequest, course: Course, **more: Any) -> dict[str, Any]:
    """Returns what the first page shows."""
    files = workspace.listed(course)
    folders = defaultdict(list)
    for one in files:
        folders[one.folder].append(one)
    lessons, challenges = folders_with(files, "lesson.yaml"), folders_with(files, "challenge.yaml")
    draft = publishing.draft_of(course)
    context = {
        "course": course,
        "may": allowed(roles.scope_in(request.user, course)),
        "challenges": challenges,
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
        "upload_form": UploadForm(initial={"seen": draft.digest if draft else workspace.NOT_THERE}),
    }
    return context | more


def folders_with(files: list[workspace.Listed], name: str) -> list[str]:
    return [one.folder for one in files if one.name == name and one.state != "removed"]


def refused_on_page(request: HttpRequest, course: Course, **context: Any) -> HttpResponse:
    """Shows the first page with what was refused on it."""
    return render(request, "studio/studio.html", context_of(request, course, **context), status=422)
