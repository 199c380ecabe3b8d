"""Reads about grading as a whole: what waits, for how long, who works, and what an admin should look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from challenges.kinds.base import Lane
from gradus.submissions.models import Evaluation, ReconcilerStatus, Run, WorkerStatus
from gradus.submissions.queue import ALIVE
from gradus.submissions.states import State

# It runs every ten seconds, so this is twelve rounds missed.
RECONCILER_LATE = timedelta(minutes=2)
OVERDUE = timedelta(minutes=15)
# A baseline that verifies a version comes after everything else, so its age says nothing.
AWAITED = Q(run__isnull=True) | ~Q(run__purpose=Run.Purpose.BASELINE)
SHOWN = 100


@dataclass(frozen=True)
class LaneHealth:
    """`oldest_s`: seconds since the oldest open evaluation was submitted, 0 where none is open. Baselines aside."""

    lane: str
    queued: int
    running: int
    oldest_s: float
    workers: int
    problems: tuple[str, ...]


def lanes() -> list[LaneHealth]:
    counts = Evaluation.objects.open().values("lane").annotate(
        queued=Count("pk", filter=Q(state=State.QUEUED)),
        running=Count("pk", filter=Q(state=State.RUNNING)),
        oldest=Min("created_at", filter=AWAITED),
    )  # fmt: skip
    found, now = {row["lane"]: row for row in counts}, timezone.now()
    seen = list(WorkerStatus.objects.filter(last_seen__gte=now - ALIVE))
    return [_lane(lane, found.get(lane), [worker for worker in seen if worker.lane == lane]) for lane in [*Lane]]


def _lane(lane: str, row: Mapping[str, Any] | None, seen: list[WorkerStatus]) -> LaneHealth:
    problems = tuple(sorted({worker.problem for worker in seen if worker.problem}))
    if row is None:
        return LaneHealth(lane, 0, 0, 0.0, len(seen), problems)
    oldest = (timezone.now() - row["oldest"]).total_seconds() if row["oldest"] else 0.0
    return LaneHealth(lane, row["queued"], row["running"], oldest, len(seen), problems)


def overdue() -> QuerySet[Evaluation]:
    """Open for more than a quarter of an hour, oldest first."""
    late = Evaluation.objects.open().filter(AWAITED, created_at__lt=timezone.now() - OVERDUE)
    return late.select_related("submission__challenge", "submission__user", "run__version").order_by("created_at")


def last_sweep() -> ReconcilerStatus | None:
    return ReconcilerStatus.objects.order_by("-last_run").first()


def reconciler_late() -> bool:
    """Whether no reconciler has ended a round in the last two minutes."""
    last = last_sweep()
    return last is None or timezone.now() - last.last_run > RECONCILER_LATE


def alerts() -> list[str]:
    """What an admin should act on now; docs/operations.md says how, by these words."""
    found = []
    if reconciler_late():
        found.append("The reconciler has not run for two minutes")
    last = last_sweep()
    if last is not None and last.broken:
        found.append(f"Invariants are broken: {', '.join(sorted(last.broken))}")
    for lane in lanes():
        if (lane.queued or lane.running) and not lane.workers:
            found.append(f"No worker in the lane {lane.lane}, and work waits")
        if lane.problems:
            found.append(f"A worker in the lane {lane.lane} cannot work: {lane.problems[0]}")
    if late := overdue().count():
        found.append(f"Open for over 15 minutes: {late}")
    return found
