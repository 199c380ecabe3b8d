"""The calls about classes: their settings, join codes and members. A class that is not the caller's own is a 404.

A time without an offset is in the zone of the class.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, cast

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field

from gradus.accounts.allauth_internals import count
from gradus.accounts.models import User
from gradus.accounts.rate_limits import in_words, wait_for
from gradus.accounts.roles import DECIDES, SEES_ANSWERS
from gradus.accounts.token_rules import LearnerData
from gradus.api.auth import Request, allows, caller, requires, someone
from gradus.api.teaching.shared import Moment, Seen, SeenOut, class_of, label_named
from gradus.classes import changes, class_roles, invitations, joining, members, membership, services, times
from gradus.classes.class_roles import Name as Role
from gradus.classes.members import member_named
from gradus.classes.models import NAME_CHARS, TITLE_CHARS, Class, Member
from gradus.courses.models import Course
from gradus.refusal import Refused

Points = Literal["share", "pass", "steps"]
Board = Literal["off", "staff", "members"]
LISTED_MAX = 1000


class StepIn(Schema):
    from_: float = Field(alias="from", ge=0, le=1, description="The lowest score of this step")
    points: float = Field(ge=0, le=1, description="The share of the points that a score of this step earns")


class ClassIn(Schema):
    course: str = Field(max_length=64, description="The course's id")
    title: str = Field(max_length=TITLE_CHARS)
    timezone: str = Field("", max_length=64, description="An IANA name; the time zone of the course if omitted")
    begins_at: Moment | None = None
    ends_at: Moment | None = Field(None, description="Attempts from this time on do not count for the class")


class ClassChangeIn(Schema):
    """Changes to the settings of a class. Omitted keys keep their values."""

    title: str = Field("", max_length=TITLE_CHARS)
    timezone: str = Field("", max_length=64)
    begins_at: Moment | None = None
    ends_at: Moment | None = None
    points: Points = "share"
    steps: list[StepIn] = []
    board: Board = "off"
    seen: Seen = ""


class ClassOut(Schema):
    id: int
    course: str
    title: str
    timezone: str
    begins_at: datetime | None
    ends_at: datetime | None
    state: Literal["upcoming", "running", "ended"]
    you: Role


class ClassPageOut(ClassOut):
    """A class with the settings that only its teachers see. They are null for learners."""

    points: Points | None = None
    steps: list[dict[str, float]] | None = None
    board: Board | None = None
    learners: int | None = Field(None, description="The number of learners, including those who have no account yet")
    join_code: str | None = Field(None, description="Also null if nobody can join by code")
    join_link: str | None = None
    join_code_until: datetime | None = None
    seen: SeenOut | None = None


class CodeIn(Schema):
    until: Moment = Field(description="The code stops working at this time")


class JoinIn(Schema):
    code: str = Field(max_length=40)


class MemberOut(Schema):
    id: int
    name: str
    pseudonym: str | None = Field(description="The name on leaderboards; null if the member has no account yet")
    email: str = Field(description="The address in the roster, or the address of the account if the roster has none")
    login: str
    registration_number: str
    first_name: str
    last_name: str
    labels: list[str]
    role: Role
    state: Literal["active", "left"]
    joined_at: datetime
    left_at: datetime | None
    seen: SeenOut


class MembersOut(Schema):
    members: list[MemberOut]
    more: bool = Field(description="True if there are more members than the call returns")


class AddIn(Schema):
    emails: list[str] = Field(min_length=1, max_length=invitations.AT_ONCE)
    role: Role = "learner"
    labels: list[str] = Field([], max_length=20)
    mail: bool = Field(True, strict=True, description="Whether to tell them by mail, if the site can send mails")


class AddedOut(Schema):
    members: list[MemberOut]
    mailed: list[str] = Field(description="The addresses to which a mail was sent")
    not_mailed: list[str] = Field(description="The addresses to which the mail could not be sent")


class MemberIn(Schema):
    """Changes to a member. Omitted keys keep their values."""

    email: str | None = Field(None, max_length=254)
    login: str | None = Field(None, max_length=NAME_CHARS)
    registration_number: str | None = Field(None, max_length=NAME_CHARS)
    first_name: str | None = Field(None, max_length=NAME_CHARS)
    last_name: str | None = Field(None, max_length=NAME_CHARS)
    labels: list[str] | None = Field(None, max_length=20, description="Replaces all labels of the member")
    role: Role | None = None
    state: Literal["active"] | None = Field(None, description="`active` restores a member who has left")
    seen: Seen = ""


router = Router(tags=["classes"])


def class_out(found: Class, you: str) -> dict[str, Any]:
    state = "ended" if found.is_over() else "running" if found.runs() else "upcoming"
    kept = {name: getattr(found, name) for name in ("title", "timezone", "begins_at", "ends_at")}
    return {"id": found.pk, "course": found.course.slug, "state": state, "you": you, **kept}


def page_out(found: Class, user: User, request: Request) -> ClassPageOut:
    level = membership.scope_in_class(user, found).learner_data
    shown = class_out(found, class_roles.NAMES[level])
    if level == LearnerData.NONE or not allows(request, SEES_ANSWERS):
        return ClassPageOut(**shown)
    open_now = bool(found.join_code_until and found.join_code_until > timezone.now() and not found.is_over())
    link = reverse("learn:join", args=[found.join_code]) if open_now else ""
    return ClassPageOut(
        **shown,
        points=cast(Points, found.points),
        steps=found.steps,
        board=cast(Board, found.board),
        learners=found.members.active().learners().count(),
        join_code=found.join_code if open_now else None,
        join_link=request.build_absolute_uri(link) if link else None,
        join_code_until=found.join_code_until if open_now else None,
        seen=changes.version_of(services.settings_of(found)),
    )


def member_out(one: Member) -> MemberOut:
    names = ("login", "registration_number", "first_name", "last_name", "state", "joined_at", "left_at", "name")
    return MemberOut(
        id=one.pk,
        pseudonym=one.user.pseudonym if one.user else None,
        email=one.address,
        labels=sorted(label.name for label in one.labels.all()),
        role=class_roles.NAMES[one.learner_data],
        seen=changes.version_of(members.values_of(one)),
        **{name: getattr(one, name) for name in names},
    )


@router.get("/classes", response=list[ClassOut], auth=someone)
def classes(request: Request) -> list[dict[str, Any]]:
    """Returns the classes that the caller teaches or is in, the newest first."""
    user = caller(request)
    mine = {one.of_class_id: one for one in membership.active(user)}
    found = membership.taught_by(user) | Class.objects.filter(pk__in=mine)
    taught = set(membership.taught_by(user, DECIDES).values_list("pk", flat=True))
    seen = set(membership.taught_by(user).values_list("pk", flat=True))
    rows = found.distinct().select_related("course").order_by("-pk")[:LISTED_MAX]
    you = {one.pk: "instructor" if one.pk in taught else "assistant" if one.pk in seen else "learner" for one in rows}
    return [class_out(one, you[one.pk]) for one in rows]


@router.post("/classes", response={201: ClassPageOut}, auth=requires(DECIDES))
def class_create(request: Request, given: ClassIn) -> Status[ClassPageOut]:
    """Creates a class of a course. The caller must be able to edit the course or to decide about its grades."""
    course = get_object_or_404(Course, slug=given.course)
    fields = given.model_dump(exclude={"course"})
    fields["timezone"] = given.timezone or course.timezone
    made = services.create(course, by=caller(request), **times.read_all(fields, fields["timezone"]))
    return Status(201, page_out(made, caller(request), request))


@router.get("/classes/{int:id}", response=ClassPageOut, auth=someone)
def class_show(request: Request, id: int) -> ClassPageOut:
    """Returns one class. Its learners and its teachers may read it."""
    found, user = get_object_or_404(Class.objects.select_related("course"), pk=id), caller(request)
    if not membership.active(user).filter(of_class=found).exists():
        membership.refuse_unless(user, found, SEES_ANSWERS)
    return page_out(found, user, request)


@router.patch("/classes/{int:id}", response=ClassPageOut, auth=requires(DECIDES))
def class_change(request: Request, id: int, given: ClassChangeIn) -> ClassPageOut:
    """Changes the settings of the class."""
    fields = given.model_dump(exclude={"seen"}, exclude_unset=True, by_alias=True)
    found = class_of(request, id, DECIDES)
    fields = times.read_all(fields, fields.get("timezone", found.timezone))
    changed = services.change(found, by=caller(request), seen=given.seen, **fields)
    return page_out(changed, caller(request), request)


@router.put("/classes/{int:id}/code", response=ClassPageOut, auth=requires(DECIDES))
def class_code(request: Request, id: int, given: CodeIn) -> ClassPageOut:
    """Creates a new join code. An earlier code stops working."""
    found = class_of(request, id, DECIDES)
    until = times.read_all({"until": given.until}, found.timezone)["until"]
    return page_out(services.rotate_code(found, by=caller(request), until=until), caller(request), request)


@router.delete("/classes/{int:id}/code", response=ClassPageOut, auth=requires(DECIDES))
def class_code_stop(request: Request, id: int) -> ClassPageOut:
    """Stops the join code, so that nobody can join by code any more."""
    found = services.stop_code(class_of(request, id, DECIDES), by=caller(request))
    return page_out(found, caller(request), request)


@router.post("/classes/join", response=ClassOut, auth=someone)
def class_join(request: Request, given: JoinIn) -> dict[str, Any]:
    """Adds the caller to the class with this code. Its teachers see the caller's attempts, grades and address."""
    if wait := wait_for(request, "join_code"):
        said = _("Too many wrong codes came from your address. Try again in %(time)s.") % {"time": in_words(wait)}
        raise Refused("too_many_requests", said, 429, retry_after=wait)
    try:
        member = joining.join(given.code, by=caller(request))
    except Refused as refused:
        if refused.code == "code_unknown":
            count(request, "join_code")
        raise
    return class_out(member.of_class, class_roles.NAMES[member.learner_data])


@router.get("/classes/{int:id}/members", response=MembersOut, auth=requires(SEES_ANSWERS))
def class_members(
    request: Request, id: int, label: str = "", search: str = "", state: Literal["active", "left"] = "active"
) -> MembersOut:
    """Returns at most 1,000 members, sorted by name. `search` are words in their names or addresses."""
    of_class = class_of(request, id)
    found = of_class.members.filter(state=state).matching(search)
    if (chosen := label_named(of_class, label)) is not None:
        found = found.filter(labels=chosen)
    rows = found.by_name().select_related("user").prefetch_related("labels")[: LISTED_MAX + 1]
    shown = [member_out(one) for one in rows[:LISTED_MAX]]
    return MembersOut(members=shown, more=len(rows) > LISTED_MAX)


@router.post("/classes/{int:id}/members", response={201: AddedOut}, auth=requires(DECIDES))
def class_add(request: Request, id: int, given: AddIn) -> Status[AddedOut]:
    """Adds people by email address. A person without an account joins by confirming the address in a new account."""
    found = class_of(request, id, DECIDES)
    emails = invitations.addresses_in("\n".join(given.emails))
    made = invitations.invite(
        found,
        emails,
        by=caller(request),
        site=request.build_absolute_uri("/"),
        learner_data=class_roles.level_of(given.role),
        labels=given.labels,
        mail=given.mail,
    )
    mailed, failed = ([one.email for one in some] for some in (made.mailed, made.failed))
    return Status(201, AddedOut(members=[member_out(one) for one in made.members], mailed=mailed, not_mailed=failed))


@router.delete("/classes/{int:id}/members/me", response=ClassOut, auth=someone)
def class_leave(request: Request, id: int) -> dict[str, Any]:
    """Removes the caller from the class, whose grades keep the caller's attempts.

    A learner cannot leave while the class withholds grades: 409 `grades_withheld`.
    """
    found = membership.active(caller(request)).filter(of_class=get_object_or_404(Class, pk=id)).first()
    if found is None:
        raise Http404
    joining.leave(found.of_class, by=caller(request))
    return class_out(found.of_class, class_roles.NAMES[found.learner_data])


@router.patch("/classes/{int:id}/members/{member}", response=MemberOut, auth=requires(DECIDES))
def class_member_change(request: Request, id: int, member: str, given: MemberIn) -> MemberOut:
    """Changes the entries of a member, or restores a member who has left."""
    found = member_named(class_of(request, id, DECIDES), member, "member")
    fields = given.model_dump(exclude={"seen", "role", "state"}, exclude_none=True)
    if given.role is not None:
        fields["learner_data"] = class_roles.level_of(given.role)
    user = caller(request)
    if given.state is not None:
        members.restore_member(found, by=user)
    if fields:
        members.change_member(found, by=user, seen=given.seen, **fields)
    return member_out(Member.objects.get(pk=found.pk))


@router.delete("/classes/{int:id}/members/{member}", response=MemberOut, auth=requires(DECIDES))
def class_member_remove(request: Request, id: int, member: str) -> MemberOut:
    """Removes a member from the class. The attempts and grades are kept, and return if the person comes back."""
    found = member_named(class_of(request, id, DECIDES), member, "member")
    return member_out(members.remove_member(found, by=caller(request)))
