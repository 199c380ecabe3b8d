"""Services with which people set, excuse and clear grades of a class, and say what its challenges are worth.

An override is withheld from its learner or not, as an attempt is: by the release rule when it is set, and afterwards
only until it is released.

Each locks the class's row first, so that changes of one class follow one another, and notes what it did in the log of
staff actions. None touches a score: an override stands beside the computed grade, survives each regrade, and gives the
computed grade back when it is cleared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.classes import changes, membership, releases
from gradus.classes.changes import hold, hold_free, plain, refuse_changed
from gradus.classes.models import Class, Member
from gradus.classes.releases import Place
from gradus.courses.models import Challenge
from gradus.gradebook import points, queries
from gradus.gradebook.models import Cell, Override, Weight
from gradus.gradebook.table import Column
from gradus.refusal import Refused, wrong
from gradus.submissions.results import releasing

What = StaffAction.What
Kind = Override.Kind
# A challenge is worth at most this, and an override at most twice as much as the challenge.
WORTH_MAX = Decimal(1000)
OVERRIDE_FACTOR = 2


def seen_of(member: Member, challenge: Challenge | int) -> str:
    """Returns what a form carries so that a service knows what its sender saw: the key of the override in force."""
    return _seen(Override.objects.open().filter(member=member, challenge=challenge).first())


def _seen(current: Override | None) -> str:
    return str(current.pk) if current else "none"


def _refuse_changed(seen: str, current: Override | None) -> None:
    if seen and seen != _seen(current):
        said = _("Somebody else changed this grade in the meantime. Look at how it is now, and save again if need be.")
        raise Refused("changed_meanwhile", said, 409)


def _values(override: Override | None) -> dict[str, Any]:
    if override is None:
        return {"override": None}
    return {"override": override.pk, "kind": override.kind, "points": override.value, "reason": override.reason}


@transaction.atomic
def override(
    members: Iterable[Member], challenge: Challenge, *, by: User, value: Any, reason: str, seen: str = ""
) -> list[Override]:
    """Sets the points of learners at a challenge in place of the computed ones. Earlier overrides are ended.

    Args:
        members: Learners of one class.
        value: Points, with at most two decimals.
        seen: `seen_of(...)` when the person looked, or empty: whatever there is now is replaced.

    Raises:
        Http404, Refused: 403, the person may not, or it is the own grade; 409, `changed_meanwhile`; 422, the class
            has no such challenge or learner, there is no reason, or the value is no number of points.
    """
    held, chosen = _held_for(members, challenge, by)
    worth = queries.worths_of(held).get(challenge.pk, points.WORTH)
    number, said = _points(value, most=worth * OVERRIDE_FACTOR, field="value"), _why(reason)
    made = Set(by, Kind.VALUE, number, said, seen, withheld=releases.rule_of(held, challenge).withholds_grade())
    return [_set(held, one, challenge, made) for one in chosen]


@transaction.atomic
def excuse(members: Iterable[Member], challenge: Challenge, *, by: User, reason: str, seen: str = "") -> list[Override]:
    """Excuses learners of one class from a challenge, so that their totals leave it out. See `override` for errors."""
    held, chosen = _held_for(members, challenge, by)
    withheld = releases.rule_of(held, challenge).withholds_grade()
    made = Set(by, Kind.EXCUSED, None, _why(reason), seen, withheld=withheld)
    return [_set(held, one, challenge, made) for one in chosen]


@transaction.atomic
def clear(members: Iterable[Member], challenge: Challenge, *, by: User, seen: str = "") -> None:
    """Ends what is in force for learners of one class, so that their computed grades count again.

    Raises:
        Http404, Refused: 403, the person may not, or it is the own grade; 409, `changed_meanwhile`, or there is none.
    """
    held, chosen = _held_for(members, challenge, by)
    for member in chosen:
        _refuse_own(held, member, by)
        current = Override.objects.open().filter(member=member, challenge=challenge).first()
        before = _values(current)
        _refuse_changed(seen, current)
        if current is None:
            raise Refused("not_overridden", _("Nothing is set here in place of the computed grade."), 409)
        _end(current, by)
        _put(member, challenge, None)
        _note(What.OVERRIDE_CLEARED, held, member, challenge, by, before, _values(None))


def release_due(of_class: Class | None = None, challenge: Challenge | None = None, *, waits: bool = True) -> int:
    """Shows learners the overrides that the release rules of a class and a challenge, or of all, do not withhold now.

    Without `waits`, a class that another transaction holds is left to the next call. Returns how many changed.
    """
    withheld = Override.objects.open().filter(withheld=True)
    withheld = withheld.of_class(of_class) if of_class else withheld
    withheld = withheld.filter(challenge=challenge) if challenge else withheld
    places = withheld.order_by("member__of_class", "challenge").values_list("member__of_class", "challenge").distinct()
    # Most places have nothing to release, and locking a class stops all who change it.
    due = [place for place, rule in releases.rules_of(list(places)).items() if not rule.withholds_grade()]
    return sum(releasing.one_place(_release, place, waits) for place in due)


@transaction.atomic
def _release(place: Place, waits: bool) -> int:
    of_class, challenge = place
    # The rule stays as it is until the end of the transaction.
    if waits:
        hold(of_class)
    elif not hold_free(of_class):
        return 0
    if releases.rule_of(of_class, challenge).withholds_grade():
        return 0
    withheld = Override.objects.open().of_class(of_class).filter(challenge=challenge, withheld=True)
    return withheld.update(withheld=False)


@transaction.atomic
def weigh(of_class: Class, worths: Mapping[int, Any], *, by: User, seen: str = "") -> None:
    """Sets how many points challenges are worth, by their keys. Computed grades follow, overrides stay as they are.

    Args:
        seen: `version_of(worths_seen(...))` of what the person saw, or empty.

    Raises:
        Http404, Refused: 403, the person may not; 409, `changed_meanwhile`; 422, a value is no number of points. Each
            problem has the challenge's key as its field.
    """
    held = _held(of_class.pk, by, worths)
    before = worths_seen(queries.columns_of(held))
    refuse_changed(seen, before)
    problems, numbers = [], {}
    for challenge, value in worths.items():
        try:
            numbers[challenge] = _points(value, most=WORTH_MAX, field=str(challenge))
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(problems[0]["code"], problems[0]["message"], 422, problems)
    for challenge, number in numbers.items():
        Weight.objects.update_or_create(of_class=held, challenge_id=challenge, defaults={"worth": number})
    after = worths_seen(queries.columns_of(held))
    changed = {key for key in after if before[key] != after[key]}
    if changed:
        old, new = ({key: side[key] for key in sorted(changed)} for side in (before, after))
        staff.note(What.WEIGHTS_CHANGED, held, by=by, **{"class": held.pk}, before=plain(old), after=plain(new))


def worths_seen(columns: Iterable[Column]) -> dict[str, Decimal]:
    """Returns what each challenge is worth, by its address."""
    return {one.slug: one.worth.quantize(points.CENT) for one in columns}


def _held_for(members: Iterable[Member], challenge: Challenge, by: User) -> tuple[Class, list[Member]]:
    chosen = sorted(members, key=lambda one: one.pk)
    if not chosen:
        raise wrong("members", _("Choose at least one learner."), "nothing")
    return _held(chosen[0].of_class_id, by, [challenge.pk]), chosen


def _held(of_class: int, by: User, challenges: Collection[int]) -> Class:
    held = hold(of_class)
    membership.refuse_unless(by, held, roles.DECIDES)
    if not {one.pk for one in queries.challenges_of(held)}.issuperset(challenges):
        raise wrong("challenge", _("The class has no such challenge."), "no_such_challenge")
    return held


@dataclass(frozen=True)
class Set:
    """What a person sets for learners at a challenge, which override the person saw, and if the rule withholds it."""

    by: User
    kind: Override.Kind
    value: Decimal | None
    reason: str
    seen: str
    withheld: bool


def _set(held: Class, member: Member, challenge: Challenge, given: Set) -> Override:
    _refuse_own(held, member, given.by)
    current = Override.objects.open().filter(member=member, challenge=challenge).first()
    before = _values(current)
    _refuse_changed(given.seen, current)
    if current is not None:
        _end(current, given.by)
    made = Override.objects.create(
        member=member,
        challenge=challenge,
        kind=given.kind,
        value=given.value,
        reason=given.reason,
        by=given.by,
        # Who has seen points here sees also what replaces them.
        withheld=given.withheld and (current is None or current.withheld),
    )
    _put(member, challenge, made)
    what = What.GRADE_EXCUSED if given.kind == Kind.EXCUSED else What.GRADE_OVERRIDDEN
    _note(what, held, member, challenge, given.by, before, _values(made), reason=given.reason)
    return made


def _end(current: Override, by: User) -> None:
    current.ended_at, current.ended_by = timezone.now(), by
    current.save(update_fields=["ended_at", "ended_by"])


def _put(member: Member, challenge: Challenge, override: Override | None) -> None:
    """Puts the override into the cell, without a look at what is computed beside it."""
    Cell.objects.bulk_create([Cell(member=member, challenge=challenge)], ignore_conflicts=True)
    Cell.objects.filter(member=member, challenge=challenge).update(override=override)


def _refuse_own(held: Class, member: Member, by: User) -> None:
    if member.of_class_id != held.pk or member.teaches:
        raise wrong("members", _("The class has no such learner."), "no_such_member")
    if member.user_id == by.pk:
        raise Refused("own_grade", _("This is your own grade. Somebody else has to change it."), 403)


def _why(text: str) -> str:
    return changes.reason(text, _("Write why, for those who ask later."))


def _points(value: Any, *, most: Decimal, field: str) -> Decimal:
    said = _("Write a number of points from 0 to %(most)s, with at most two decimals.") % {"most": f"{most:g}"}
    try:
        number = Decimal(str(value).strip().replace(",", "."))
        # Neither infinite nor not a number at all is comparable, and only what has two decimals can be stored.
        fits = number.is_finite() and 0 <= number <= most and number == round(number, 2)
    except InvalidOperation:
        fits = False
    if not fits:
        raise wrong(field, said, "range")
    return number.quantize(points.CENT)


def _note(
    what: StaffAction.What,
    held: Class,
    member: Member,
    challenge: Challenge,
    by: User,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    **more: str,
) -> None:
    about = {"class": held.pk, "member": member.pk, "challenge": challenge.slug}
    staff.note(what, f"{challenge.slug}, {held}", by=by, **about, before=plain(before), after=plain(after), **more)
