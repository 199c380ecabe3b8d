"""A draft of what was changed, or of a zip, and what becomes of it; and the way back to an earlier version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from challenges.reading import BundleErrors
from gradus.accounts.allauth_internals import count, seconds_left
from gradus.accounts.rate_limits import in_words
from gradus.courses import publishing
from gradus.courses.bundles import BundleMissing
from gradus.courses.models import Course
from gradus.courses.versions import VersionRefused
from gradus.refusal import Refused
from gradus.studio import remedies, workspace
from gradus.studio.forms import EarlierForm, NoteForm, UploadForm
from gradus.studio.views.page import in_studio, refused_on_page
from gradus.teach.views.access import account


@require_POST
@in_studio
def draft_make(request: HttpRequest, course: Course) -> HttpResponse:
    """Makes a draft of what was changed."""
    form = NoteForm(request.POST)
    if not form.is_valid():
        return refused_on_page(request, course, note_form=form)
    try:
        draft = workspace.make_draft(course, by=account(request), note=form.cleaned_data["note"])
    except BundleErrors as errors:
        said = _("No draft was made, because the files have problems. They are listed below; your changes are kept.")
        messages.warning(request, said)
        return refused_on_page(request, course, problems=remedies.of_problems(errors.problems), note_form=form)
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
        except (VersionRefused, BundleMissing) as error:
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
        return refused_on_page(request, course, earlier_form=form)
    version = form.cleaned_data["version"]
    try:
        draft = publishing.rollback(course, version, by=account(request))
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        said = _("Version %(version)s has the content of %(earlier)s. It is a draft: publish it to go back.")
        messages.success(request, said % {"version": draft.version, "earlier": version})
    return redirect("studio:studio", course.slug)


@require_POST
@in_studio
def upload(request: HttpRequest, course: Course) -> HttpResponse:
    """Makes the draft of a zip of the course's folder, as a push does."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return refused_on_page(request, course, upload_form=form)
    given, person = form.cleaned_data, str(account(request).pk)
    problems = []
    try:
        if wait := seconds_left(request, "draft", person):
            said = _("You have pushed too many drafts. Wait for %(time)s, and upload it again.")
            raise Refused("too_many_drafts", said % {"time": in_words(wait)}, 429)
        pushed = workspace.upload(course, given["archive"], by=account(request), seen=given["seen"], note=given["note"])
    except BundleErrors as errors:
        form.add_error("archive", _("The zip has problems, so the draft is as it was. They are listed here."))
        problems = remedies.of_problems(errors.problems)
    except VersionRefused as error:
        form.add_error("archive", str(error))
    except Refused as refused:
        # Its problems list what differs, which the page of the course shows.
        form.add_error(None, refused.message)
    else:
        if pushed.is_new:
            count(request, "draft", person)
        said = (
            _("Version %(version)s is the draft now. Look at it, and publish it when it is right.")
            if pushed.is_new
            else _("Nothing is new in the zip: version %(version)s has the same content.")
        )
        messages.success(request, said % {"version": pushed.version.version})
        return redirect("studio:studio", course.slug)
    return refused_on_page(request, course, upload_form=form, upload_problems=problems)
