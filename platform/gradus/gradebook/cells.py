"""Keeps the cells of gradebooks: each is computed from the attempts that count for the class.

Whatever changes a grade computes its cell again in the same transaction. It locks the cell before it reads the
attempts, so that of two grades which are recorded at once the later one sees the other. Whoever computes cells of
several learners locks the learners first, as `standings` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Case, Count, F, IntegerField, Max, Q, QuerySet, When, Window
from django.db.models.functions import Coalesce, RowNumber

from gradus.classes.models import Class, Member
from gradus.classes.policy import Schedule
from gradus.courses.models import Challenge
from gradus.gradebook import points
from gradus.gradebook.models import Cell, Override
from gradus.gradebook.points import Attempt, Scheme
from gradus.gradebook.schedules import moments, schedules
from gradus.gradebook.table import State
from gradus.submissions import states
from gradus.submissions.models import Evaluation, Submission
from gradus.submissions.results.standings import hold_learners

Key = tuple[int, int]
# A query reads the attempts of this many members.
MEMBERS = 500
VALUES = (
    "state", "submission_id", "score", "share", "raw_share", "credit", "attempts", "is_late", "waits", "submitted_at",
    "grader", "version_id", "override_id",
)  # fmt: skip
EMPTY: dict[str, Any] = {
    "submission_id": None, "score": None, "share": None, "raw_share": None, "credit": None, "is_late": False,
    "submitted_at": None, "grader": "", "version_id": None,
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
    waits = any(one.state == states.State.REVIEW for one in known)
    common = {"attempts": sum(one.count for one in known), "waits": waits}
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
            "submitted_at": best.attempt.at,
            "grader": best.attempt.grader,
            "version_id": best.attempt.version,
        }
    late = bool(known) and is_late(max(one.last or one.at for one in known))
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
def rebuild(
    of_class: Class,
    members: Collection[int] | None = None,
    challenges: Collection[int] | None = None,
    *,
    waits: bool = True,
) -> None:
    """Computes all cells of a class again, or those of some members or challenges, given by their keys.

    Raises:
        DatabaseError: `waits` is False, and another transaction holds a learner or a cell.
    """
    chosen = Q() if members is None else Q(pk__in=members)
    found = Member.objects.filter(chosen, of_class=of_class)
    known = dict(found.order_by("pk").values_list("pk", "user_id"))
    users = [user for user in known.values() if user is not None]
    held = hold_learners(users, waits=waits)
    if not waits and held != set(users):
        raise DatabaseError("another transaction holds a learner")
    concerned = _challenges_of(of_class, found, None if members is None else users)
    concerned = [one for one in concerned if challenges is None or one in challenges]
    keys = list(known) if concerned else []
    # Some learners after the others, so that a class with a million attempts needs no memory for all of them.
    for begin in range(0, len(keys), MEMBERS):
        _compute(of_class, Q(pk__in=keys[begin : begin + MEMBERS]), concerned, waits=waits)


def _challenges_of(of_class: Class, members: QuerySet[Member], users: Collection[int] | None) -> list[int]:
    """Returns the challenges at which these members have anything, so that a roster of new people costs little."""
    attempts = Submission.objects.filter(of_class=of_class)
    attempts = attempts if users is None else attempts.filter(user__in=users)
    kept = Cell.objects.filter(member__in=members)
    by_hand = Override.objects.open().filter(member__in=members)
    keys = (rows.order_by().values_list("challenge_id", flat=True).distinct() for rows in (attempts, kept, by_hand))
    return sorted(set().union(*keys))


def _compute(of_class: Class, chosen: Q, challenge_ids: Collection[int], *, waits: bool = True) -> None:
    members = list(Member.objects.filter(chosen, of_class=of_class).select_related("of_class").order_by("pk"))
    by_user = {member.user_id: member for member in members if member.user_id is not None}
    places = list(Challenge.objects.filter(pk__in=challenge_ids).select_related("lesson"))
    kept = lock(of_class, members, challenge_ids, by_user, waits=waits)
    dates, scheme = schedules(members, places), scheme_of(of_class)
    attempts = attempts_of(of_class, by_user, dates)
    open_ones = Override.objects.open().filter(member__in=members, challenge__in=challenge_ids)
    overrides = {(one.member_id, one.challenge_id): one.pk for one in open_ones}
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
    of_class: Class,
    members: Collection[Member],
    challenge_ids: Collection[int],
    by_user: dict[int, Member],
    *,
    waits: bool = True,
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
    return {(one.member_id, one.challenge_id): one for one in there.order_by("pk").select_for_update(nowait=not waits)}


def attempts_of(
    of_class: Class, by_user: dict[int, Member], dates: Mapping[Key, Schedule], *, only_released: bool = False
) -> defaultdict[Key, list[Attempt]]:
    """Returns the attempts of these members at the challenges of `dates`, as few as their cells need.

    Attempts in one state between two moments at which the credit changes have one credit. Of those that passed, and of
    those that did not, the highest score earns most, so the database returns only that one, with their number.
    """
    bounds: dict[int, set[datetime]] = defaultdict(set)
    for (_member, challenge), schedule in dates.items():
        bounds[challenge] |= moments(schedule)
    made_by = {"submission__of_class": of_class, "submission__user__in": by_user, "submission__challenge__in": bounds}
    rows = Evaluation.objects.filter(is_current=True, submission__annulled=False, **made_by)
    rows = rows.filter(submission__grade_withheld=False) if only_released else rows
    is_final = Q(score__provisional=False)
    alike = {
        "user": F("submission__user_id"),
        "challenge": F("submission__challenge_id"),
        "interval": _interval(bounds),
        "now": F("state"),
        "passed": Case(When(is_final, then=F("score__passed"))),
    }
    made = {
        "key": F("submission_id"),
        "at": F("submission__created_at"),
        "shown": Case(When(is_final, then=F("score__shown"))),
        "verified_by": F("score__verified_by"),
        "version": Coalesce("graded_version_id", "submission__version_id"),
    }
    best_first = (F("shown").desc(nulls_last=True), F("at"), F("key"))
    # The types of annotations do not reach through the two dictionaries.
    ranked: Any = rows.annotate(**alike, **made).annotate(
        place=Window(RowNumber(), partition_by=list(alike), order_by=best_first),
        count=Window(Count("pk"), partition_by=list(alike)),
        last=Window(Max("at"), partition_by=list(alike)),
    )
    names = ("user", "challenge", "key", "at", "now", "shown", "passed", "verified_by", "version", "count", "last")
    found: defaultdict[Key, list[Attempt]] = defaultdict(list)
    for user, challenge, key, at, state, shown, passed, grader, *rest in (
        ranked.filter(place=1).order_by().values_list(*names)
    ):
        score = None if shown is None else points.exact(shown)
        one = Attempt(key, at, state, score, bool(passed), grader or "", *rest)
        found[by_user[user].pk, challenge].append(one)
    return found


def _interval(bounds: Mapping[int, Collection[datetime]]) -> Case:
    """Returns the number of the interval between the moments of its challenge in which an attempt was made."""
    made = "submission__created_at__lt"
    within = {
        challenge: Case(
            *(When(**{made: moment}, then=number) for number, moment in enumerate(sorted(moments))),
            default=len(moments),
            output_field=IntegerField(),
        )
        for challenge, moments in bounds.items()
    }
    whens = (When(submission__challenge=challenge, then=case) for challenge, case in within.items())
    return Case(*whens, default=0, output_field=IntegerField())


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
