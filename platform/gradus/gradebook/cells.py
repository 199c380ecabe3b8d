"""Keeps the cells of gradebooks: each is computed from the attempts that count for the class.

Whatever changes a grade computes its cell again in the same transaction. It locks the cell before it reads the
attempts, so that of two grades which are recorded at once the later one sees the other. Whoever computes cells of
several learners locks the learners first, as `standings` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from gradus.classes.models import Class, Member
from gradus.classes.policy import Schedule
from gradus.courses.models import Challenge
from gradus.gradebook import points
from gradus.gradebook.models import Cell, Override
from gradus.gradebook.points import Attempt, Scheme
from gradus.gradebook.schedules import schedules
from gradus.gradebook.table import State
from gradus.submissions import states
from gradus.submissions.models import Submission
from gradus.submissions.services.standings import hold_learners

Key = tuple[int, int]
VALUES = (
    "state", "submission_id", "score", "share", "raw_share", "credit", "attempts", "is_late", "waits", "override_id",
)  # fmt: skip
EMPTY: dict[str, Any] = {
    "submission_id": None, "score": None, "share": None, "raw_share": None, "credit": None, "is_late": False,
}  # fmt: skip


def scheme_of(of_class: Class) -> Scheme:
    return Scheme.of(of_class.points, of_class.steps)


def values_of(
    attempts: Iterable[Attempt],
    scheme: Scheme,
    credit_at: Callable[[datetime], Decimal],
    is_late: Callable[[datetime], bool],
) -> dict[str, Any]:
    """Returns the fields of the cell that these attempts make, without its override."""
    known = [one for one in attempts if one.state != states.State.CANCELLED]
    common = {"attempts": len(known), "waits": any(one.state == states.State.REVIEW for one in known)}
    best = points.best(known, scheme, credit_at)
    if best is not None and best.attempt.score is not None:
        raw = scheme.share(best.attempt.score, passed=best.attempt.passed)
        return {
            **common,
            "state": State.GRADED,
            "submission_id": best.attempt.id,
            "score": best.attempt.score,
            "share": best.share,
            "raw_share": raw.quantize(points.SHARE_STEP),
            "credit": best.credit.quantize(points.SHARE_STEP),
            "is_late": is_late(best.attempt.at),
        }
    late = bool(known) and is_late(max(one.at for one in known))
    return {**EMPTY, **common, "state": _state(known), "is_late": late}


def _state(attempts: Collection[Attempt]) -> State:
    """Returns the state of a cell without a final grade."""
    found = {one.state for one in attempts}
    if states.State.REVIEW in found:
        return State.WAITING
    if found & set(states.OPEN):
        return State.GRADING
    return State.FAILED if found else State.NONE


@transaction.atomic
def update(user_ids: Collection[int], challenge_id: int) -> None:
    """Computes the cells of these learners at a challenge again, in every class for which they have attempts at it."""
    attempts = Submission.objects.filter(user__in=user_ids, challenge=challenge_id, of_class__isnull=False)
    pairs = set(attempts.order_by().values_list("of_class_id", "user_id").distinct())
    for of_class in sorted({of_class for of_class, _user in pairs}):
        users = {user for other, user in pairs if other == of_class}
        _compute(Class.objects.get(pk=of_class), Q(user__in=users), [challenge_id])


@transaction.atomic
def rebuild(of_class: Class, members: Collection[int] | None = None) -> None:
    """Computes all cells of a class again, or those of some members, given by their keys."""
    chosen = Q() if members is None else Q(pk__in=members)
    found = Member.objects.filter(chosen, of_class=of_class)
    users = [user for user in found.values_list("user_id", flat=True) if user is not None]
    hold_learners(users)
    # One challenge after another, so that a class with a million attempts needs no memory for all of them.
    for challenge in _challenges_of(of_class, found, None if members is None else users):
        _compute(of_class, chosen, [challenge])


def _challenges_of(of_class: Class, members: QuerySet[Member], users: Collection[int] | None) -> list[int]:
    """Returns the challenges at which these members have anything, so that a roster of new people costs little."""
    attempts = Submission.objects.filter(of_class=of_class)
    attempts = attempts if users is None else attempts.filter(user__in=users)
    kept = Cell.objects.filter(member__in=members)
    by_hand = Override.objects.open().filter(member__in=members)
    keys = (rows.order_by().values_list("challenge_id", flat=True).distinct() for rows in (attempts, kept, by_hand))
    return sorted(set().union(*keys))


def _compute(of_class: Class, chosen: Q, challenge_ids: Collection[int]) -> None:
    members = list(Member.objects.filter(chosen, of_class=of_class).select_related("of_class").order_by("pk"))
    by_user = {member.user_id: member for member in members if member.user_id is not None}
    places = list(Challenge.objects.filter(pk__in=challenge_ids).select_related("lesson"))
    kept = lock(of_class, members, challenge_ids, by_user)
    attempts = attempts_of(of_class, by_user, challenge_ids)
    open_ones = Override.objects.open().filter(member__in=members, challenge__in=challenge_ids)
    overrides = {(one.member_id, one.challenge_id): one.pk for one in open_ones}
    dates, scheme = schedules(members, places), scheme_of(of_class)
    changed = []
    for key, cell in kept.items():
        schedule = dates[key]
        made = values_of(attempts[key], scheme, credit_by(schedule), schedule.is_late)
        if _differs(cell, {**made, "override_id": overrides.get(key)}):
            changed.append(cell)
    # The rows are there and locked. An insert that finds them writes hundreds at once, far faster than an update.
    fields = [name.removesuffix("_id") for name in VALUES]
    Cell.objects.bulk_create(changed, batch_size=500, update_conflicts=True, unique_fields=["pk"], update_fields=fields)


def lock(
    of_class: Class, members: Collection[Member], challenge_ids: Collection[int], by_user: dict[int, Member]
) -> dict[Key, Cell]:
    """Makes the cells that are missing, and locks all of these members at these challenges, always in one order."""
    attempted = Submission.objects.filter(of_class=of_class, user__in=by_user, challenge__in=challenge_ids)
    pairs = attempted.order_by().values_list("user_id", "challenge_id").distinct()
    keys = {(by_user[user].pk, challenge) for user, challenge in pairs}
    there = Cell.objects.filter(member__in=members, challenge__in=challenge_ids)
    by_hand = Override.objects.open().filter(member__in=members, challenge__in=challenge_ids)
    missing = {*keys, *by_hand.values_list("member_id", "challenge_id")}
    missing -= set(there.values_list("member_id", "challenge_id"))
    Cell.objects.bulk_create(
        [Cell(member_id=member, challenge_id=challenge) for member, challenge in sorted(missing)],
        ignore_conflicts=True,
    )
    return {(one.member_id, one.challenge_id): one for one in there.order_by("pk").select_for_update()}


def attempts_of(
    of_class: Class, by_user: dict[int, Member], challenge_ids: Collection[int], *, only_released: bool = False
) -> defaultdict[Key, list[Attempt]]:
    found: defaultdict[Key, list[Attempt]] = defaultdict(list)
    rows = Submission.objects.filter(
        of_class=of_class, user__in=by_user, challenge__in=challenge_ids, evaluations__is_current=True
    )
    rows = (rows.released() if only_released else rows).filter(annulled=False)
    graded = "evaluations__score__"
    names = ("user_id", "challenge_id", "pk", "created_at", "evaluations__state")
    scores = (f"{graded}shown", f"{graded}passed", f"{graded}provisional")
    for user, challenge, pk, at, state, shown, passed, provisional in rows.order_by().values_list(*names, *scores):
        final = shown is not None and not provisional
        score = points.exact(shown) if final else None
        found[by_user[user].pk, challenge].append(Attempt(pk, at, state, score, bool(passed)))
    return found


def credit_by(schedule: Schedule) -> Callable[[datetime], Decimal]:
    return lambda at: points.exact(schedule.credit(at))


def _differs(cell: Cell, values: dict[str, Any]) -> bool:
    """Writes the values into the cell. Returns False where it had them already."""
    before = [getattr(cell, name) for name in VALUES]
    for name, value in values.items():
        setattr(cell, name, value)
    return before != [getattr(cell, name) for name in VALUES]


def differences(of_class: Class) -> list[Key]:
    """Returns the cells of a class that disagree with its attempts, by member and challenge. It changes nothing."""
    before = dict(_stored(of_class))
    with transaction.atomic():
        rebuild(of_class)
        after = dict(_stored(of_class))
        transaction.set_rollback(True)
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def _stored(of_class: Class) -> Iterable[tuple[Key, tuple[Any, ...]]]:
    for member, challenge, *values in Cell.objects.of_class(of_class).values_list("member_id", "challenge_id", *VALUES):
        yield (member, challenge), tuple(values)
