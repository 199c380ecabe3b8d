"""Services that set the dates of a class, extend them for members, and grant attempts.

Each locks the class's row first, so that changes of one class follow one another, writes the change to the log of staff
actions, and sends `signals.dates_changed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.classes import membership, signals
from gradus.classes.changes import hold, wrong
from gradus.classes.date_rules import (
    Target,
    Values,
    facts_of,
    refuse_foreign,
    refuse_wrong,
    schedule_of,
    seen,
    values_of,
)
from gradus.classes.models import GRANTED_MAX, REASON_CHARS, Class, DateRule, Grant, Member
from gradus.classes.times import shown
from gradus.courses.models import Challenge, Lesson
from gradus.refusal import Refused, refuse_broken, too_long

What = StaffAction.What


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
    _refuse_changed(rule, seen)
    reason = _reason(reason, required=target.member is not None and not values.says_nothing)
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
    """The result of an extension: the members whose due date moved, and those whose due date was late enough before."""

    moved: list[Member] = field(default_factory=list)
    untouched: list[Member] = field(default_factory=list)


@transaction.atomic
def extend(
    of_class: Class,
    members: Iterable[Member],
    *,
    by: User,
    until: datetime,
    reason: str,
    lesson: Lesson | None = None,
    challenge: Challenge | None = None,
) -> Extended:
    """Moves the due date of these members to `until`, for a challenge, a lesson or the whole course.

    A closing date before `until` moves to `until` for them. Due dates that are already later stay.

    Raises:
        Http404, Refused: 403, the person may not; 422, nobody is chosen, the reason is missing, or the time is past or
            after the end of the class.
    """
    held = _hold(of_class, by)
    chosen = _chosen(held, members)
    reason = _reason(reason, required=True)
    if until <= timezone.now():
        raise wrong("until", _("This time is past. Choose a later one."))
    if held.ends_at is not None and until > held.ends_at:
        said = _("The class ends on %(when)s. Choose an earlier time, or let the class end later.")
        raise wrong("until", said % {"when": shown(held.ends_at, held.timezone)})
    done = Extended()
    for member in chosen:
        target = Target(held, lesson, challenge, member=member)
        if _extend_one(target, until, reason, by):
            done.moved.append(member)
        else:
            done.untouched.append(member)
    return done


def _extend_one(target: Target, until: datetime, reason: str, by: User) -> bool:
    """Extends the due date of one member. Returns False if it is already as late as `until` or later."""
    assert target.member is not None
    now = schedule_of(target)
    has_time = now.due_at is None or now.due_at >= until
    if has_time and (now.close_at is None or now.close_at >= until):
        return False
    rule = target.rule()
    before, values = facts_of(rule), values_of(rule)
    due = values.due_at if has_time else until
    closes = values.close_at if now.close_at is None or now.close_at >= until else until
    # Drops the steps of this rule that would now be on the wrong side of the new due date.
    early = [one for one in values.early or () if due is None or one["until"] <= due]
    late = [one for one in values.late or () if due is None or one["until"] > due]
    changed = replace(
        values,
        due_at=due,
        close_at=closes,
        cleared=[name for name in values.cleared if has_time or name != "due_at"],
        early=None if values.early is None else early,
        late=None if values.late is None else late,
    )
    refuse_wrong(target, changed, date="until")
    made = _write(target, rule, changed, reason, by)
    _note(target, by, before, facts_of(made), reason)
    return True


@transaction.atomic
def grant(
    of_class: Class, members: Iterable[Member], *, by: User, challenge: Challenge, attempts: int, reason: str
) -> list[Grant]:
    """Grants each of these members `attempts` at a challenge, in addition to those of each day.

    They are used after the attempts of a day are used up, on any day until the class ends.

    Raises:
        Http404, Refused: 403, the person may not; 422, nobody is chosen, the reason is missing, or the number is wrong.
    """
    held = _hold(of_class, by)
    chosen = _chosen(held, members)
    reason = _reason(reason, required=True)
    if not 1 <= attempts <= GRANTED_MAX:
        raise wrong("attempts", _("Grant from 1 to %(most)d attempts.") % {"most": GRANTED_MAX}, "range")
    refuse_foreign(Target(held, challenge=challenge))
    given = {"challenge": challenge, "attempts": attempts, "reason": reason, "granted_by": by}
    made = [Grant.objects.create(member=member, **given) for member in chosen]
    for member in chosen:
        details = {"member": member.pk, "challenge": challenge.slug, "after": {"attempts": attempts}, "reason": reason}
        staff.note(What.ATTEMPTS_GRANTED, member, by=by, **{"class": held.pk}, **details)
    signals.dates_changed.send(Class, of_class=held, members={member.pk for member in chosen})
    return made


def _hold(of_class: Class, by: User) -> Class:
    held = hold(of_class)
    membership.refuse_unless(by, held, roles.DECIDES)
    return held


def _chosen(of_class: Class, members: Iterable[Member]) -> list[Member]:
    chosen = list({one.pk: one for one in members}.values())
    if not chosen:
        raise wrong("members", _("Choose at least one member."), "nothing")
    if any(one.of_class_id != of_class.pk for one in chosen):
        raise wrong("members", _("Choose members of this class."))
    return chosen


def _reason(text: str, *, required: bool) -> str:
    refuse_broken("reason", text)
    line = " ".join(text.split())
    if len(line) > REASON_CHARS:
        raise too_long("reason", line, REASON_CHARS)
    if required and not line:
        raise wrong("reason", _("Say why: the reason stays beside the dates of this person."), "reason_needed")
    return line


def _refuse_changed(rule: DateRule | None, said: str) -> None:
    if said and said != seen(rule):
        message = _("Somebody else changed these dates in the meantime. Look at how they are now, and save again.")
        raise Refused("changed_meanwhile", message, 409)


def _write(target: Target, rule: DateRule | None, values: Values, reason: str, by: User) -> DateRule:
    row = rule or DateRule(**vars(target), version=0)
    for name, value in values.stored().items():
        setattr(row, name, value)
    row.reason, row.version = reason, row.version + 1
    row.changed_by, row.changed_at = by, timezone.now()
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
    signals.dates_changed.send(Class, of_class=target.of_class, members=concerned)
