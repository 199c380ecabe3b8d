"""Shows the site to somebody who teaches a class as a learner of it sees it, at a chosen time, and changes nothing.

Only pages of the class's course are shown. Every other request is refused, and so is every statement with which a page
would write to the database. The API is not affected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import trigger_client_event

from gradus.accounts import roles, staff_actions
from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LEARNER
from gradus.classes import access, changes, membership
from gradus.classes.access import Viewed
from gradus.classes.models import Class, Label, Member
from gradus.courses import catalogue, preview
from gradus.refusal import Refused, wrong
from gradus.submissions.models import Run, Submission

# In the session: as whom, at which time and until when.
KEY = "view_as"
LASTS = timedelta(hours=1)
NEVER = ("/api/", "/metrics")
REFUSED = "viewing_as_learner"
READ_ONLY = gettext_lazy(
    "You are looking at the site as a learner: nothing can be changed here. Stop looking to do that."
)
NOT_SHOWN = gettext_lazy("This page is not shown while you look at the site as a learner. Stop looking to open it.")
WRITES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|MERGE)\b", re.IGNORECASE)
# Pages of a course. Not among them are the profile, notices, receipts and downloads, which are the learner's own.
SHOWN = {
    "home",
    "leaderboards:index",
    "leaderboards:board",
    *(
        f"learn:{name}"
        for name in (
            *("path", "course", "lesson", "advisor", "finding", "demo_panel", "demo_result"),
            *("retriever_panel", "retriever_result", "challenge", "samples", "solution", "board", "costs", "compare"),
            *("history", "run", "run_fragment", "submission", "submission_fragment", "class_grades"),
        )
    ),
}
# What a page sends by itself to show what is counted in its form. It is answered without anything being stored.
COUNTED = {"learn:tokens", "learn:dataset_check"}


@dataclass(frozen=True)
class Viewing:
    """As whom `viewer` looks at the site, for the bar above each page. Without `at`, the time is now."""

    viewer: User
    viewed: Viewed
    at: datetime | None
    until: datetime

    @property
    def of_class(self) -> Class:
        return self.viewed.of_class

    @property
    def is_over(self) -> bool:
        """True if the class has ended at the chosen time."""
        return self.of_class.is_over(self.at)

    @property
    def labels(self) -> str:
        return ", ".join(label.name for label in self.viewed.labels)

    @property
    def person(self) -> User | AnonymousUser:
        """Whose pages are shown: nobody's, for a label and for a member without an account."""
        member = self.viewed.member
        return AnonymousUser() if member is None or member.user is None else member.user


_viewing: ContextVar[Viewing | None] = ContextVar("viewing_as_learner", default=None)


def context(request: HttpRequest) -> dict[str, Any]:
    """Adds `viewing` to the context of every template: what the bar above the page shows, or None."""
    return {"viewing": _viewing.get()}


def why_not(viewer: User, member: Member) -> str:
    """Says why this person cannot look at the site as the member; an empty text if that is possible."""
    user, course = member.user, member.of_class.course_id
    if not member.is_active:
        return _("This person has left the class.")
    if member.teaches or (user is not None and (user.is_staff or roles.scope_in(user, course) != LEARNER)):
        return _("This person does not only learn here, and would see more than learners do.")
    if user is None or roles.may(viewer, course, roles.SEES_ANSWERS):
        return ""
    others = Submission.objects.filter(user=user, challenge__lesson__course=course).exclude(of_class=member.of_class_id)
    if others.exists():
        return _("This person also has attempts in the course that are not for this class, and you may not see those.")
    return ""


@transaction.atomic
def begin(
    request: HttpRequest, of_class: Class, member: Member | None, label: Label | None, at: datetime | None
) -> None:
    """Shows the site as this member, or as a learner with the label, in this session for an hour, and notes that.

    Raises:
        Http404, Refused: 403, the person may not see the answers of the class, or not look as this member.
    """
    viewer = request.user
    assert isinstance(viewer, User)
    membership.refuse_unless(viewer, of_class, roles.SEES_ANSWERS)
    if member is not None and (reason := why_not(viewer, member)):
        raise wrong("who", reason, "not_viewable", 403)
    until = timezone.now() + LASTS
    times = {"at": at, "until": until}
    keys = {"class": of_class.pk, "member": member.pk if member else None, "label": label.pk if label else None}
    kept = changes.plain({**keys, **times})
    noted = {**kept, "label": label.name if label else None}
    staff_actions.note(StaffAction.What.VIEWED_AS, of_class, by=viewer, **noted)
    preview.end(request)
    request.session[KEY] = {**kept, "by": viewer.pk}


def end(request: HttpRequest) -> Class | None:
    """Ends the viewing. Returns the class of which it was, if there was one."""
    chosen = request.session.pop(KEY, None)
    return Class.objects.filter(pk=chosen["class"]).first() if chosen else None


class ShowAsLearner:
    """Middleware that shows the site as the chosen learner, and asks with each request whether that is allowed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.path.startswith(NEVER):
            return self.get_response(request)
        chosen = request.session.get(KEY)
        if not chosen or request.path == reverse("teach:view_as_stop"):
            return self.get_response(request)
        viewing = _chosen(request.user, chosen)
        if viewing is None:
            end(request)
            messages.info(request, _("You no longer look at the site as a learner."))
            return self.get_response(request)
        response = self._show(request, viewing)
        # Neither a cache nor the Back button shows a learner's page later.
        response["Cache-Control"] = "private, no-store"
        return response

    def _show(self, request: HttpRequest, viewing: Viewing) -> HttpResponseBase:
        token = _viewing.set(viewing)
        request.user = viewing.person
        try:
            with ExitStack() as stack:
                stack.enter_context(access.at(viewing.at))
                stack.enter_context(access.as_learner(viewing.viewed))
                stack.enter_context(catalogue.alone(viewing.of_class.course_id))
                stack.enter_context(connection.execute_wrapper(_only_read))
                return self.get_response(request)
        finally:
            # The request log, and whatever comes after, name who really asked.
            request.user = viewing.viewer
            _viewing.reset(token)

    def process_view(
        self, request: HttpRequest, view: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> HttpResponse | None:
        viewing = _viewing.get()
        if viewing is None:
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if request.method not in ("GET", "HEAD") and name not in COUNTED:
            return _refused(request, str(READ_ONLY), 409)
        if name not in SHOWN | COUNTED:
            return _refused(request, str(NOT_SHOWN), 403)
        for value in kwargs.values():
            if isinstance(value, UUID) and not _is_of_course(value, viewing.of_class.course_id):
                raise Http404
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Refused) and exception.code == REFUSED:
            return _refused(request, exception.message, exception.status)
        return None


def _chosen(viewer: User | AnonymousUser, chosen: Mapping[str, Any]) -> Viewing | None:
    """Returns what the session holds, or None if it is over or no longer allowed."""
    until = datetime.fromisoformat(chosen["until"])
    of_class = Class.objects.select_related("course").filter(pk=chosen["class"]).first()
    if of_class is None or not isinstance(viewer, User) or viewer.pk != chosen["by"] or until <= timezone.now():
        return None
    if not membership.may_in_class(viewer, of_class, roles.SEES_ANSWERS):
        return None
    member = Member.objects.select_related("user", "of_class").filter(of_class=of_class, pk=chosen["member"]).first()
    labels = tuple(of_class.labels.filter(pk=chosen["label"]))
    if (member is None) != (chosen["member"] is None) or bool(labels) != (chosen["label"] is not None):
        return None
    if member is not None and why_not(viewer, member):
        return None
    at = datetime.fromisoformat(chosen["at"]) if chosen["at"] else None
    return Viewing(viewer, Viewed(of_class, member, labels), at, until)


def _only_read(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
    if WRITES.match(str(sql)):
        raise Refused(REFUSED, str(READ_ONLY), 409)
    return execute(sql, params, many, context)


def _is_of_course(uuid: UUID, course: int) -> bool:
    attempts = Submission.objects.filter(uuid=uuid, challenge__lesson__course=course)
    return attempts.exists() or Run.objects.filter(uuid=uuid, version__challenge__lesson__course=course).exists()


def _refused(request: HttpRequest, said: str, status: int) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return trigger_client_event(HttpResponse(status=status), "gradus:toast", {"value": said})
    return render(request, "teach/viewing_refused.html", {"said": said}, status=status)
