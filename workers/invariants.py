"""Counts what must not be. Over all rows at the start and then every ten minutes, for that reads the whole table;
in each round over what has ended lately, which is where a fault of the code shows first.

What a count over all rows has found is told until another one finds it mended, and while it stands each round counts
all rows.
"""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from challenges.kinds.base import Lane
from gradus.submissions.models import Evaluation, GuestSlot, InFlight, RunSlot
from gradus.submissions.states import State

EVERY_SECONDS = 600.0
# Longer than between two counts over all rows, so that nothing ends unseen between them.
LATELY = timedelta(seconds=2 * EVERY_SECONDS)


class Round:
    """Of one process."""

    def __init__(self) -> None:
        self.due = 0.0

    def __call__(self) -> dict[str, int]:
        if monotonic() < self.due:
            return lately()
        broken = everywhere()
        self.due = 0.0 if broken else monotonic() + EVERY_SECONDS
        return broken


def everywhere() -> dict[str, int]:
    """Counts over all rows, by name; empty when all is well."""
    return _counts(Evaluation.objects.all(), InFlight.objects.all(), RunSlot.objects.all(), GuestSlot.objects.all())


def lately() -> dict[str, int]:
    """The same over evaluations that have ended in the last minutes."""
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
    """Slots of submissions that have ended: each keeps its learner from one more submission."""
    return slots.exclude(Exists(Evaluation.objects.open().filter(submission=OuterRef("submission"))))


def orphans_of_runs(slots: QuerySet[RunSlot]) -> QuerySet[RunSlot]:
    """Slots of runs that have ended: each keeps its learner from one more run."""
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
