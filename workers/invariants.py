"""Counts rows that break an invariant of the database, for the reconciler.

Each round checks the evaluations that ended lately, because a fault of the code shows there first. All rows are checked
at the start and every ten minutes, because that reads the whole table. While a check of all rows finds something, every
round checks all rows, so that the problem is reported until it is fixed.
"""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from challenges.kinds.base import Lane
from gradus.submissions.models import Evaluation, GuestSlot, InFlight, OpenMeasurement, RunSlot
from gradus.submissions.states import State

EVERY_SECONDS = 600.0
# Longer than the time between two checks of all rows, so that every evaluation is in one of them.
LATELY = timedelta(seconds=2 * EVERY_SECONDS)


Slot = TypeVar("Slot", RunSlot, OpenMeasurement)


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
    return _counts(Evaluation.objects.all(), InFlight.objects.all(), RunSlot.objects.all(), GuestSlot.objects.all())


def lately() -> dict[str, int]:
    """The number of rows that break each invariant, among evaluations that ended within `LATELY`."""
    # The index on the end begins with the lane.
    ended = Evaluation.objects.filter(lane__in=[*Lane], finished_at__gte=Now() - LATELY)
    submissions, runs = ended.values("submission"), ended.values("run")
    return _counts(
        ended,
        InFlight.objects.filter(submission__in=submissions),
        RunSlot.objects.filter(run__in=runs),
        GuestSlot.objects.filter(submission__in=submissions),
    )


def orphans_in_flight(slots: QuerySet[InFlight]) -> QuerySet[InFlight]:
    """Slots of submissions that have ended. Each of them wrongly keeps its learner from making another submission."""
    return slots.exclude(Exists(Evaluation.objects.open().filter(submission=OuterRef("submission"))))


def orphans_of_runs(slots: QuerySet[Slot]) -> QuerySet[Slot]:
    """Slots of runs that have ended. Each of them wrongly keeps somebody from starting another run."""
    return slots.exclude(Exists(Evaluation.objects.open().filter(run=OuterRef("run"))))


def _counts(
    evaluations: QuerySet[Evaluation],
    in_flight: QuerySet[InFlight],
    runs: QuerySet[RunSlot],
    guests: QuerySet[GuestSlot],
) -> dict[str, int]:
    siblings = Evaluation.objects.filter(submission=OuterRef("submission"))
    found: dict[str, QuerySet[Any]] = {
        "in_flight_without_open": orphans_in_flight(in_flight),
        "run_slot_without_open": orphans_of_runs(runs),
        "guest_slot_after_refund": guests.filter(submission__refund__isnull=False),
        "scored_without_score": evaluations.filter(
            state=State.SCORED, submission__isnull=False, score__isnull=True, proposal__isnull=True
        ),
        "without_current": evaluations.filter(submission__isnull=False).exclude(
            Exists(siblings.filter(is_current=True))
        ),
    }
    return {name: count for name, rows in found.items() if (count := rows.count())}


check = Round()
