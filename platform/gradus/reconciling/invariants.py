"""Counts rows that break an invariant of the database, for the reconciler.

Each round checks the evaluations that ended lately, because a fault of the code shows there first. All rows are checked
at the start and every ten minutes, because that reads the whole table. While a check of all rows finds something, every
round checks all rows, so that the problem is reported until it is fixed.
"""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from challenges.kinds.base import Lane
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Slot, SlotQuerySet
from gradus.submissions.states import State

EVERY_SECONDS = 600.0
# Longer than the time between two checks of all rows, so that every evaluation is in one of them.
LATELY = timedelta(seconds=2 * EVERY_SECONDS)


class Round:
    """Decides for one process whether a round checks all rows or the latest ones; calling it runs the check."""

    def __init__(self) -> None:
        self.due = 0.0

    def __call__(self) -> dict[str, int]:
        if monotonic() < self.due:
            return lately()
        broken = everywhere()
        self.due = 0.0 if broken else monotonic() + EVERY_SECONDS
        return broken


def everywhere() -> dict[str, int]:
    """The number of rows that break each invariant, over all rows, by the invariant's name; empty if none is broken."""
    return _counts(Evaluation.objects.all(), Slot.objects.all(), Slot.objects.all())


def lately() -> dict[str, int]:
    """The number of rows that break each invariant, among evaluations that ended within `LATELY`."""
    # The index on the end begins with the lane.
    ended = Evaluation.objects.filter(lane__in=[*Lane], finished_at__gte=Now() - LATELY)
    of_submissions = Slot.objects.filter(submission__in=ended.values("submission"))
    return _counts(ended, of_submissions, Slot.objects.filter(run__in=ended.values("run")))


def orphans_of_submissions(slots: SlotQuerySet) -> SlotQuerySet:
    """Slots of submissions that have ended. Each of them wrongly keeps its learner from making another submission."""
    is_open = Exists(Evaluation.objects.open().filter(submission=OuterRef("submission")))
    return slots.of(*limits.UNTIL_THE_END).filter(submission__isnull=False).exclude(is_open)


def orphans_of_runs(slots: SlotQuerySet) -> SlotQuerySet:
    """Slots of runs that have ended. Each of them wrongly keeps somebody from starting another run."""
    is_open = Exists(Evaluation.objects.open().filter(run=OuterRef("run")))
    return slots.of(*limits.UNTIL_THE_END).filter(run__isnull=False).exclude(is_open)


def _counts(evaluations: QuerySet[Evaluation], of_submissions: SlotQuerySet, of_runs: SlotQuerySet) -> dict[str, int]:
    siblings = Evaluation.objects.filter(submission=OuterRef("submission"))
    broken: dict[str, QuerySet[Any]] = {
        "in_flight_without_open": orphans_of_submissions(of_submissions),
        "run_slot_without_open": orphans_of_runs(of_runs),
        "guest_slot_after_refund": of_submissions.of(limits.GUEST_ATTEMPTS).filter(submission__refund__isnull=False),
        "scored_without_score": evaluations.filter(
            state=State.SCORED, submission__isnull=False, score__isnull=True, proposal__isnull=True
        ),
        "without_current": evaluations.filter(submission__isnull=False).exclude(
            Exists(siblings.filter(is_current=True))
        ),
    }
    return {name: count for name, rows in broken.items() if (count := rows.count())}


check = Round()
