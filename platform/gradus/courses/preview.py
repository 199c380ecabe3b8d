"""Previews: pages as learners would see them, in which nothing is graded.

An author's folder is shown on the author's machine, where the whole site is a preview. On a site, a person who may see
the draft of a course sees it in this session in place of what is live. Nobody else sees anything of it: it reaches
`catalogue.now()` for the length of one request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import LessonBundle
from gradus.accounts import roles
from gradus.courses import catalogue, contents, publishing
from gradus.courses.bundles import BundleMissing
from gradus.courses.models import Challenge, ChallengeVersion, Course, CourseVersion, Lesson
from gradus.refusal import Refused

# In the session: the course that is previewed, and its draft as it was seen last.
KEY = "preview"
# Scripts that use the API, and operators, see what is live. Who teaches changes the draft itself, or what is live.
NEVER = ("/api/", "/admin/", "/metrics", "/teach/")
PREVIEWED = "preview"


@dataclass(frozen=True)
class Draft:
    """The draft that a request shows, for the bar above its page."""

    version: CourseVersion
    template: str = "teach/_draft_bar.html"
    is_local: bool = False


_draft: ContextVar[Draft | None] = ContextVar("draft_that_is_previewed", default=None)


def is_of_draft() -> bool:
    """Returns True if this request shows a draft, of which nothing may be stored."""
    return _draft.get() is not None


def is_on() -> bool:
    """Returns True if this request is part of any preview."""
    return settings.PREVIEW or is_of_draft()


def refuse() -> None:
    """Raises `Refused` (409, `preview`) if this request is part of a preview, in which nothing is run or graded."""
    if settings.PREVIEW:
        said = _(
            "This is a preview of your folder: nothing is run or graded here. “gradus challenge try” runs a payload."
        )
        raise Refused(PREVIEWED, said, 409)
    refuse_to_store()


def refuse_to_store() -> None:
    """Raises `Refused` (409, `preview`) if this request previews a draft, which learners do not have yet."""
    if is_of_draft():
        said = _("This is a preview of a draft: nothing is run, graded or kept here. Leave the preview to do that.")
        raise Refused(PREVIEWED, said, 409)


def begin(request: HttpRequest, course: Course) -> CourseVersion | None:
    """Shows the draft of a course in this session from now on. Returns it, or None if there is no draft.

    Whether the person may see it is asked with each request.
    """
    draft = publishing.draft_of(course)
    if draft is not None:
        request.session[KEY] = {"course": course.pk, "version": draft.pk}
    return draft


def end(request: HttpRequest) -> None:
    request.session.pop(KEY, None)


def context(request: HttpRequest) -> dict[str, Any]:
    """Adds `previewed` to the context of every template: what the bar above the page shows, or None."""
    return {"previewed": _draft.get()}


class ShowDraft:
    """Middleware that shows a draft to the person who chose it, and asks with each request whether that person may."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.path.startswith(NEVER):
            return self.get_response(request)
        chosen = request.session.get(KEY)
        shown = _shown(request, chosen) if chosen else None
        if shown is None:
            return self.get_response(request)
        token = _draft.set(Draft(shown[0]))
        try:
            with catalogue.instead(shown[1]):
                response = self.get_response(request)
        finally:
            _draft.reset(token)
        # Neither a cache nor the Back button shows the draft to somebody else, or as what is live.
        response["Cache-Control"] = "private, no-store"
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Says on the page what a view without messages of its own was refused, such as a choice of two answers."""
        if not (isinstance(exception, Refused) and exception.code == PREVIEWED):
            return None
        messages.warning(request, exception.message)
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Refresh": "true"})
        before = request.META.get("HTTP_REFERER", "")
        is_ours = url_has_allowed_host_and_scheme(before, allowed_hosts={request.get_host()})
        return redirect(before if is_ours else "home")


def _shown(request: HttpRequest, chosen: Mapping[str, int]) -> tuple[CourseVersion, Course] | None:
    """Returns the draft and the course as the draft has it, or ends the preview, says why, and returns None."""
    version = (
        CourseVersion.objects.drafts().filter(course=chosen["course"]).select_related("course", "pushed_by").first()
    )
    if version is None or not roles.may(request.user, version.course, roles.PREVIEWS):
        messages.info(request, _why_it_ended(chosen) if version is None else _("The preview of the draft has ended."))
        end(request)
        return None
    if version.pk != chosen["version"]:
        request.session[KEY] = {"course": version.course_id, "version": version.pk}
    try:
        return version, course_of(version)
    except BundleMissing:
        messages.error(request, _("The files of this draft are missing on the server. Push the course again."))
        end(request)
        return None


def _why_it_ended(chosen: Mapping[str, int]) -> str:
    seen = CourseVersion.objects.filter(pk=chosen["version"]).first()
    if seen is not None and seen.state == CourseVersion.State.PUBLISHED:
        return _("The preview has ended, because the draft was published: this is what learners see now.")
    return _("The preview has ended, because there is no draft any more: this is what learners see now.")


def course_of(version: CourseVersion) -> Course:
    """Returns the course as a draft has it, with lessons and challenges that have the keys of the rows staged for it.

    Nothing of it is saved, and no other request sees these objects. Raises `BundleMissing`.
    """
    bundle, row = publishing.bundle_of(version), version.course
    course = Course(
        pk=row.pk,
        slug=row.slug,
        is_published=True,
        listing=row.listing,
        frozen_at=row.frozen_at,
        reveal_at=row.reveal_at,
        **contents.course_fields(bundle),
    )
    course.updated_at = row.updated_at
    lessons = {lesson.name: lesson for lesson in row.lessons.only("name", "slug", "course")}
    versions = {one.challenge.name: one for one in publishing.versions_in(version)}
    course.current_lessons = [
        _lesson(course, lessons[lesson.id], position, lesson, versions)
        for position, lesson in enumerate(bundle.lessons)
        if lesson.id in lessons
    ]
    return course


def _lesson(
    course: Course, row: Lesson, position: int, bundle: LessonBundle, versions: Mapping[str, ChallengeVersion]
) -> Lesson:
    lesson = Lesson(pk=row.pk, course=course, name=row.name, slug=row.slug, **contents.lesson_fields(position, bundle))
    lesson.current_challenges = [
        _challenge(lesson, versions[challenge.challenge.id], place, challenge)
        for place, challenge in enumerate(bundle.challenges)
        if challenge.challenge.id in versions
    ]
    return lesson


def _challenge(lesson: Lesson, version: ChallengeVersion, position: int, bundle: ChallengeBundle) -> Challenge:
    challenge = version.challenge
    challenge.course, challenge.lesson, challenge.position = lesson.course, lesson, position
    challenge.version, challenge.is_current = version, True
    # As if it were published now: boards, for example, compare the times of versions.
    version.published_at = version.published_at or timezone.now()
    # Texts and results of baselines can differ between contents with one digest.
    for name, value in contents.version_fields(bundle, lesson.measured).items():
        setattr(version, name, value)
    return challenge
