"""Services that set the dates of a class, extend them for labels and members, and grant and withdraw attempts.

Each locks the class's row first, so that changes of one class follow one another, writes the change to the log of staff
actions, and sends `signals.changed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.classes import access, changes, membership, policy, signals
from gradus.classes.changes import hold, refuse_changed
from gradus.classes.date_rules import (
    Target,
    facts_of,
    known,
    refuse_foreign,
    refuse_wrong,
    stored,
)
from gradus.classes.models import GRANTED_MAX, Class, DateRule, Grant, Label, Member
from gradus.classes.policy import Values
from gradus.classes.times import shown
from gradus.courses.models import Challenge, Lesson
from gradus.refusal import Refused, wrong

What = StaffAction.What
WHY = gettext_lazy("Say why: the reason stays beside the dates of this person.")


@transaction.atomic
def set_dates(target: Target, values: Values, *, by: User, reason: str = "", seen: str = "") -> DateRule | None:
    """Replaces the rule for the target and returns it. If `values` are empty, deletes the rule and returns None.

    Args:
        seen: What `date_rules.seen` returned for the rule that the person saw, or empty: whatever it is now is
            replaced.

    Raises:
        Http404, Refused: 403, the person may not; 409, `changed_meanwhile`; 422, with a problem for each wrong field.
    """
    _hold(target.of_class, by)
    rule = target.rule()
    refuse_changed(seen, known(rule))
    is_special = target.member is not None or (target.label is not None and values.extended_to is not None)
    reason = changes.reason(reason, WHY, required=is_special and not values.says_nothing)
    refuse_wrong(target, values)
    before = facts_of(rule)
    if values.says_nothing:
        if rule is not None:
            rule.delete()
            _note(target, by, before, {}, reason)
        return None
    made = _write(target, rule, values, reason, by)
    if facts_of(made) != before:
        _note(target, by, before, facts_of(made), reason)
    return made


@dataclass
class Extended:
    """The members to whom an extension gives time, and those for whom everything was due as late, or later, before."""

    moved: list[Member] = field(default_factory=list)
    untouched: list[Member] = field(default_factory=list)


@transaction.atomic
def extend(
    of_class: Class,
    members: Iterable[Member] = (),
    *,
    by: User,
    until: datetime,
    reason: str,
    label: Label | None = None,
    lesson: Lesson | None = None,
    challenge: Challenge | None = None,
) -> Extended:
    """Gives members, or all with a label, time until `until`: at a challenge, in a lesson, or in the whole course.

    It holds for everything in the place, also where dates are set for a challenge alone. Earlier due dates move to
    `until`, and so do closing dates that would come earlier. Later ones stay. A time that is past repairs late attempts
    without opening anything again, also after the end of a class. For a label, it also holds for those who get the
    label later. Members who have as much time everywhere get no rule of their own.

    Raises:
        Http404, Refused: 403, the person may not; 422, nobody is chosen, the reason is missing, or the time is after
            the end of the class, or past without giving time to anybody.
    """
    held = _hold(of_class, by)
    place = Target(held, lesson, challenge)
    refuse_foreign(replace(place, label=label))
    direct = _chosen(held, members, label)
    reason = changes.reason(reason, WHY)
    if held.ends_at is not None and until > held.ends_at:
        said = _("The class ends on %(when)s. Choose an earlier time, or let the class end later.")
        raise wrong("until", said % {"when": shown(held.ends_at, held.timezone)})
    places, done = _within(place), Extended()
    everybody = {one.pk: one for one in [*(_with(label) if label else ()), *direct]}
    gaining = _gaining(held, everybody.values(), places, until)
    if label is not None:
        theirs = access.rules_for(access.Viewed(held, labels=(label,)), places).values()
        if any(_gains(rules, until) for rules in theirs) or gaining & {one.pk for one in _with(label)}:
            _extend(replace(place, label=label), until, reason, by)
    # Who has the time already, as by the label, needs no rule.
    left = gaining if label is None else _gaining(held, direct, places, until)
    for member in direct:
        if member.pk in left:
            _extend(replace(place, member=member), until, reason, by)
    for key, member in everybody.items():
        (done.moved if key in gaining else done.untouched).append(member)
    if until <= timezone.now() and not done.moved:
        raise wrong("until", _("This time is past. Nobody gets time by it, so choose a later one."))
    return done


def _within(place: Target) -> list[access.PlaceOrCourse]:
    """Returns the place itself and everything in it."""
    if place.challenge is not None:
        return [place.challenge]
    course = place.of_class.course
    lessons = [place.lesson] if place.lesson is not None else list(course.lessons.filter(is_current=True))
    challenges = Challenge.objects.filter(lesson__in=lessons, is_current=True)
    return [*([] if place.lesson is not None else [None]), *lessons, *challenges]


def _gaining(
    of_class: Class, members: Iterable[Member], places: Sequence[access.PlaceOrCourse], until: datetime
) -> set[int]:
    """Returns the keys of the members to whom an extension until this time gives time at one of the places."""
    people = list(members)
    for one in people:
        # Avoids a query for each member: the row is already loaded.
        one.of_class = of_class
    facts = access.facts_of(people, places)
    # Most members have the same rules.
    gains = {rules: _gains(rules, until) for rules in {one.rules for one in facts.values()}}
    return {member for (member, _place), one in facts.items() if gains[one.rules]}


def _gains(rules: tuple[policy.Rule, ...], until: datetime) -> bool:
    now, then = policy.combine(rules), policy.combine((*rules, policy.Rule(extended_to=until)))
    return (now.due_at, now.close_at) != (then.due_at, then.close_at)


def _extend(target: Target, until: datetime, reason: str, by: User) -> None:
    rule = target.rule()
    before, values = facts_of(rule), replace(access.values_of(rule), extended_to=until)
    refuse_wrong(target, values, date="until")
    made = _write(target, rule, values, reason, by)
    _note(target, by, before, facts_of(made), reason)


@transaction.atomic
def grant(
    of_class: Class,
    members: Iterable[Member] = (),
    *,
    by: User,
    challenge: Challenge,
    attempts: int,
    reason: str,
    label: Label | None = None,
) -> list[Grant]:
    """Grants members, or all learners who have a label now, `attempts` at a challenge, in addition to those of a day.

    They are used after the attempts of a day are used up, on any day until the class ends.

    Raises:
        Http404, Refused: 403, the person may not; 422, nobody is chosen, the reason is missing, or the number is wrong.
    """
    held = _hold(of_class, by)
    refuse_foreign(Target(held, challenge=challenge, label=label))
    direct = _chosen(held, members, label)
    chosen = {one.pk: one for one in [*(_with(label) if label else ()), *direct]}
    if not chosen:
        raise wrong("label", _("No learner has this label."), "nothing")
    reason = changes.reason(reason, WHY)
    if not 1 <= attempts <= GRANTED_MAX:
        raise wrong("attempts", _("Grant from 1 to %(most)d attempts.") % {"most": GRANTED_MAX}, "range")
    given = {"challenge": challenge, "attempts": attempts, "reason": reason, "granted_by": by}
    made = [Grant.objects.create(member=member, **given) for member in chosen.values()]
    for one in made:
        _note_grant(held, one, by, {}, {"attempts": attempts}, reason)
    return made


@transaction.atomic
def withdraw(granted: Grant, *, by: User, reason: str) -> Grant:
    """Withdraws granted attempts, none of which the member needed for an attempt so far. Returns the changed grant.

    Attempts that were granted at different times are alike: as many as were used have to remain.

    Raises:
        Http404, Refused: 403, the person may not; 409, `attempts_used`, or `changed_meanwhile`, it was withdrawn
            before; 422, the reason is missing.
    """
    held = _hold(granted.member.of_class, by)
    reason = changes.reason(reason, _("Say why: the reason stays beside the granted attempts."))
    now = {"withdrawn_at": timezone.now(), "withdrawn_by": by, "withdrawn_reason": reason}
    try:
        with transaction.atomic():
            changed = Grant.objects.in_force().filter(pk=granted.pk).update(**now)
    except IntegrityError:
        # A trigger of `submissions` counts the attempts that were used.
        raise Refused(
            "attempts_used", _("These attempts are used already, so they cannot be withdrawn."), 409
        ) from None
    if not changed:
        raise Refused("changed_meanwhile", _("Somebody else withdrew these attempts in the meantime."), 409)
    granted.refresh_from_db()
    _note_grant(held, granted, by, {"attempts": granted.attempts}, {"attempts": 0}, reason)
    return granted


def _note_grant(
    held: Class, granted: Grant, by: User, before: Mapping[str, Any], after: Mapping[str, Any], reason: str
) -> None:
    about = {"class": held.pk, "member": granted.member_id, "challenge": granted.challenge.slug}
    what = What.ATTEMPTS_GRANTED if granted.withdrawn_at is None else What.ATTEMPTS_WITHDRAWN
    staff.note(what, granted.member, by=by, **about, before=before, after=after, reason=reason)


def _hold(of_class: Class, by: User) -> Class:
    held = hold(of_class)
    membership.refuse_unless(by, held, roles.DECIDES)
    return held


def _with(label: Label) -> list[Member]:
    return list(label.members.active().learners().select_related("user").order_by("pk"))


def _chosen(of_class: Class, members: Iterable[Member], label: Label | None) -> list[Member]:
    """Returns each of the members once. Without any, there has to be a label."""
    chosen = list({one.pk: one for one in members}.values())
    if not chosen and label is None:
        raise wrong("members", _("Choose at least one member, or a label."), "nothing")
    if any(one.of_class_id != of_class.pk for one in chosen):
        raise wrong("members", _("Choose members of this class."))
    return chosen


def _write(target: Target, rule: DateRule | None, values: Values, reason: str, by: User) -> DateRule:
    row = rule or DateRule(**vars(target))
    for name, value in stored(values).items():
        setattr(row, name, value)
    row.reason, row.changed_by, row.changed_at = reason, by, timezone.now()
    row.save()
    return row


def _note(target: Target, by: User, before: Mapping[str, Any], after: Mapping[str, Any], reason: str) -> None:
    place = target.place.slug if target.place else ""
    details = {"place": place, "label": str(target.label or ""), "member": target.member.pk if target.member else None}
    who = {"class": target.of_class.pk, **{name: one for name, one in details.items() if one}}
    staff.note(What.DATES_CHANGED, target, by=by, **who, before=before, after=after, reason=reason)
    concerned: set[int] | None = None
    if target.member is not None:
        concerned = {target.member.pk}
    elif target.label is not None:
        concerned = set(target.label.members.values_list("pk", flat=True))
    places: set[int] | None = None
    if target.challenge is not None:
        places = {target.challenge.pk}
    elif target.lesson is not None:
        places = set(target.lesson.challenges.values_list("pk", flat=True))
    signals.changed.send(Class, of_class=target.of_class, members=concerned, challenges=places)
