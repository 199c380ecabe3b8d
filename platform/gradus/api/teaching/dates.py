"""The calls about the dates of a class, extensions, granted attempts, and what a member may do at a given time.

A time without an offset is in the zone of the class. A local time that occurs twice or never, because clocks change, is
read in favour of the learner.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from challenges.payloads import Whole
from gradus.accounts.roles import DECIDES, SEES_ANSWERS
from gradus.api.auth import Request, caller, requires
from gradus.api.names import Name, Pseudonym, Slug
from gradus.api.teaching.shared import (
    PEOPLE,
    SLUG_CHARS,
    Moment,
    Seen,
    SeenOut,
    challenge_named,
    class_of,
    label_named,
    lesson_named,
    members_named,
)
from gradus.classes import access, date_rules, dates, times
from gradus.classes.date_rules import Target
from gradus.classes.members import member_named
from gradus.classes.models import GRANTED_MAX, LABEL_CHARS, Class, DateRule, Grant, Member
from gradus.classes.policy import Applied, Decision, Step, Values
from gradus.courses.models import Challenge, Lesson

Dated = Literal["release_at", "due_at", "close_at"]
# The related rows that `rule_out` needs.
BESIDE = ("lesson", "challenge", "label", "member__user", "changed_by")
ADDRESSES = "member__user__emailaddress_set"
SHARE = "A share of the points; 1.0 is all of them"


class CreditStepOut(Schema):
    until: Moment = Field(description="An attempt before this time earns `credit`")
    credit: float = Field(ge=0, le=2, description=SHARE)


class PlaceIn(Schema):
    """A lesson or a challenge by its id, or the whole course if both are omitted."""

    lesson: str | None = Field(None, max_length=SLUG_CHARS)
    challenge: str | None = Field(None, max_length=SLUG_CHARS)


class RuleIn(PlaceIn):
    """A date rule for some people at a place: the course, a lesson or a challenge.

    A rule decides nothing about a key that is null or omitted, so the next less specific rule decides it.
    """

    label: str | None = Field(None, max_length=LABEL_CHARS, description="The name of a label")
    member: str | None = Field(None, max_length=254, description=PEOPLE)
    release_at: Moment | None = None
    due_at: Moment | None = None
    close_at: Moment | None = None
    cleared: list[Dated] = Field([], max_length=3, description="The dates that this rule removes")
    early: list[CreditStepOut] | None = Field(
        None, max_length=20, description="The credit of attempts before the due date, by steps"
    )
    late: list[CreditStepOut] | None = Field(
        None, max_length=20, description="The credit of attempts from the due date on, by steps"
    )
    after: float | None = Field(None, ge=0, le=1, description="The credit of attempts after the last late step")
    extended_to: Moment | None = Field(
        None,
        description="For a label or member: nothing in the place is due or closes before, whatever other rules say",
    )
    reason: str = Field("", max_length=1000, description="Required if the rule is for a member or extends the time")


class RuleSetIn(RuleIn):
    seen: Seen = ""


class RuleOut(RuleIn):
    called: list[str] = Field(description="The other texts that identify the member, whose number is in `member`")
    seen: SeenOut
    changed_by: str | None
    changed_at: datetime


class PlaceDatesOut(PlaceIn):
    """The dates and credits at a place for learners to whom no rule for a label or a member applies."""

    release_at: datetime | None
    due_at: datetime | None
    close_at: datetime | None
    early: list[CreditStepOut]
    late: list[CreditStepOut]
    after: float


class ClassDatesOut(Schema):
    timezone: str
    begins_at: datetime | None
    ends_at: datetime | None
    rules: list[RuleOut]
    everybody: list[PlaceDatesOut] = Field(
        description="The dates for everybody: of the course, then of each lesson and its challenges"
    )


class PeopleIn(Schema):
    """Members by any of their names, or all who have a label, or both. There has to be one of the two."""

    members: list[str] = Field([], max_length=500, description=PEOPLE)
    label: str | None = Field(None, max_length=LABEL_CHARS, description="The name of a label")


class ExtensionIn(PlaceIn, PeopleIn):
    """More time at a place. With a label, it also holds for members who get the label later."""

    until: Moment = Field(
        description="Earlier due dates in the place move to this time, and closing dates that would come before it"
    )
    reason: str = Field(max_length=1000)


class ExtensionOut(Schema):
    moved: list[str] = Field(description="The members who have more time now")
    untouched: list[str] = Field(description="The members for whom everything was due as late, or later, before")


class GrantIn(PeopleIn):
    """More attempts at a challenge. With a label, they are for the learners who have the label now."""

    challenge: str = Field(max_length=SLUG_CHARS)
    attempts: Whole = Field(
        description=f"From 1 to {GRANTED_MAX}. They are used after the attempts of the day are used up"
    )
    reason: str = Field(max_length=1000)


class WithdrawIn(Schema):
    reason: str = Field(max_length=1000)


class GrantOut(Schema):
    id: int
    member: int = Field(validation_alias="member_id")
    name: Name = Field(validation_alias="member")
    challenge: Slug
    attempts: int
    reason: str
    granted_by: Pseudonym | None
    granted_at: datetime
    withdrawn_by: Pseudonym | None
    withdrawn_at: datetime | None
    withdrawn_reason: str


class AppliedOut(Schema):
    """A field with its value and the rules that decided it. There are several only if labels were combined."""

    field: str
    value: Any = Field(description="A time, a credit, a list of steps, or null if there is no such date")
    rules: list[RuleOut]


class DecisionOut(Schema):
    """The decision whether a member may see, run and submit a challenge at the time `at`."""

    at: datetime
    timezone: str
    sees: bool
    submits: bool
    credit: float = Field(description="The share of the points that an attempt submitted at this time earns")
    is_late: bool
    reason: str = Field(
        description="The error code with which a submission would be refused; empty if it would be accepted"
    )
    opens_at: datetime | None
    due_at: datetime | None
    close_at: datetime | None
    changes_at: datetime | None = Field(description="The next moment at which one of these values changes")
    applied: list[AppliedOut]


router = Router(tags=["classes"], auth=requires(SEES_ANSWERS))


def place_of(of_class: Class, given: PlaceIn) -> dict[str, Any]:
    """Returns the lesson and the challenge by field name. Raises `Refused` (422) if the class has no such one."""
    return {
        "lesson": lesson_named(of_class, given.lesson) if given.lesson else None,
        "challenge": challenge_named(of_class, given.challenge) if given.challenge else None,
    }


def _called(member: Member) -> list[str]:
    names = (str(member.pk), member.known_address, member.login, member.registration_number)
    return list(dict.fromkeys(filter(None, names)))


def rule_out(rule: DateRule) -> RuleOut:
    values = access.values_of(rule)
    return RuleOut.model_validate(
        {
            **vars(values),
            "cleared": rule.cleared,
            "lesson": rule.lesson.slug if rule.lesson else None,
            "challenge": rule.challenge.slug if rule.challenge else None,
            "label": rule.label.name if rule.label else None,
            "member": str(rule.member_id) if rule.member_id else None,
            "called": _called(rule.member) if rule.member else [],
            "reason": rule.reason,
            "seen": date_rules.seen(rule),
            "changed_by": rule.changed_by.pseudonym if rule.changed_by else None,
            "changed_at": rule.changed_at,
        }
    )


def dates_out(of_class: Class) -> ClassDatesOut:
    rules = of_class.date_rules.select_related(*BESIDE).prefetch_related(ADDRESSES).order_by("pk")
    places = access.places_of(of_class.course)
    held = access.schedules(access.Viewed(of_class), places)
    return ClassDatesOut(
        timezone=of_class.timezone,
        begins_at=of_class.begins_at,
        ends_at=of_class.ends_at,
        rules=[rule_out(one) for one in rules],
        everybody=[
            PlaceDatesOut.model_validate(
                {
                    **vars(held[place]),
                    "lesson": place.slug if isinstance(place, Lesson) else None,
                    "challenge": place.slug if isinstance(place, Challenge) else None,
                }
            )
            for place in places
        ],
    )


def decision_out(decision: Decision, at: datetime, of_class: Class) -> DecisionOut:
    rows = (
        of_class.date_rules.select_related(*BESIDE)
        .prefetch_related(ADDRESSES)
        .in_bulk([rule.pk for one in decision.applied for rule in one.rules])
    )

    def applied_out(one: Applied) -> AppliedOut:
        value = [vars(step) for step in one.value] if one.field in {"early", "late"} else one.value
        return AppliedOut(field=one.field, value=value, rules=[rule_out(rows[rule.pk]) for rule in one.rules])

    values = {**vars(decision), "at": at, "timezone": of_class.timezone}
    return DecisionOut.model_validate({**values, "applied": [applied_out(one) for one in decision.applied]})


@router.get("/classes/{int:id}/dates", response=ClassDatesOut)
def class_dates(request: Request, id: int) -> ClassDatesOut:
    """Returns all date rules of the class, and the dates for everybody at each place."""
    return dates_out(class_of(request, id, SEES_ANSWERS))


@router.put("/classes/{int:id}/dates", response=RuleOut | None, auth=requires(DECIDES))
def class_dates_set(request: Request, id: int, given: RuleSetIn) -> RuleOut | None:
    """Sets the date rule of a place for everybody, a label or a member. An empty rule is removed; the reply is null."""
    of_class = class_of(request, id, DECIDES)
    label = label_named(of_class, given.label)
    member = member_named(of_class, given.member, "member") if given.member else None
    target = Target(of_class, **place_of(of_class, given), label=label, member=member)
    zone = of_class.timezone

    def steps(name: str) -> list[Step] | None:
        rows: list[CreditStepOut] | None = getattr(given, name)
        return None if rows is None else [Step(**times.read_all(vars(one), zone, name)) for one in rows]

    values = Values(
        **times.read_all({name: getattr(given, name) for name in date_rules.TIMES}, zone),
        cleared=given.cleared,
        early=steps("early"),
        late=steps("late"),
        after=given.after,
    )
    made = dates.set_dates(target, values, by=caller(request), reason=given.reason, seen=given.seen)
    return rule_out(made) if made else None


@router.post("/classes/{int:id}/extensions", response=ExtensionOut, auth=requires(DECIDES))
def class_extend(request: Request, id: int, given: ExtensionIn) -> ExtensionOut:
    """Gives members, or all with a label, more time for a challenge, a lesson or the whole course.

    Later due dates stay as they are.
    """
    of_class = class_of(request, id, DECIDES)
    chosen = members_named(of_class, given.members)
    done = dates.extend(
        of_class,
        chosen,
        by=caller(request),
        **times.read_all({"until": given.until}, of_class.timezone),
        reason=given.reason,
        label=label_named(of_class, given.label),
        **place_of(of_class, given),
    )
    return ExtensionOut(moved=list(map(str, done.moved)), untouched=list(map(str, done.untouched)))


@router.get("/classes/{int:id}/grants", response=list[GrantOut])
def class_grants(request: Request, id: int) -> QuerySet[Grant]:
    """Returns the granted attempts, the newest first, also those that were withdrawn."""
    found = Grant.objects.filter(member__of_class=class_of(request, id, SEES_ANSWERS))
    return found.select_related("member__user", "challenge", "granted_by", "withdrawn_by")


@router.post("/classes/{int:id}/grants", response={201: list[GrantOut]}, auth=requires(DECIDES))
def class_grant(request: Request, id: int, given: GrantIn) -> Status[list[Grant]]:
    """Grants members, or all with a label, attempts at a challenge in addition to those of each day."""
    of_class = class_of(request, id, DECIDES)
    chosen = members_named(of_class, given.members)
    challenge = challenge_named(of_class, given.challenge)
    made = dates.grant(
        of_class,
        chosen,
        by=caller(request),
        challenge=challenge,
        attempts=given.attempts,
        reason=given.reason,
        label=label_named(of_class, given.label),
    )
    return Status(201, made)


@router.post("/classes/{int:id}/grants/{int:grant}/withdraw", response=GrantOut, auth=requires(DECIDES))
def class_grant_withdraw(request: Request, id: int, grant: int, given: WithdrawIn) -> Grant:
    """Withdraws granted attempts. 409 `attempts_used` if the member needed them for an attempt."""
    of_class = class_of(request, id, DECIDES)
    found = get_object_or_404(
        Grant.objects.select_related("member__of_class", "challenge"), pk=grant, member__of_class=of_class
    )
    return dates.withdraw(found, by=caller(request), reason=given.reason)


@router.get("/classes/{int:id}/members/{member}/decision", response=DecisionOut)
def class_decision(
    request: Request,
    id: int,
    member: str,
    challenge: str,
    at: Annotated[Moment | None, Query(description="The time of the decision; now if omitted")] = None,
) -> DecisionOut:
    """Returns whether a member can submit a challenge at a time, the credit of an attempt, and the rules behind it."""
    of_class = class_of(request, id, SEES_ANSWERS)
    found: Member = member_named(of_class, member, "member")
    asked = challenge_named(of_class, challenge)
    when = times.read_all({"at": at or access.moment()}, of_class.timezone)["at"]
    return decision_out(access.decision_for(found.user, asked, when, found), when, of_class)
