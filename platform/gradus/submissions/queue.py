"""The queue of evaluations: in which order workers claim them, the position of each and how long it will probably wait.

The queue is the table of evaluations. Workers take the lowest `fair_share_rank` of a lane first, and of equal ranks the
oldest evaluation. `ring` only wakes a worker.
"""

import math
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Avg, ExpressionWrapper, F
from django.db.models.fields import DurationField
from django.utils import timezone

from gradus.submissions.models import Evaluation, Grader, Run, Submission, WorkerStatus
from gradus.submissions.states import State

log = structlog.get_logger(__name__)
# Staff asked for a trial of new grades: learners do not wait for it.
SHADOW_RANK = 1000
# Nobody waits for a baseline: learners' work and regrades are claimed before it.
BASELINE_RANK = 1_000_000
# Time is measured when nothing else waits in the lane, or runs in it.
MEASUREMENT_RANK = 2_000_000
# A worker that was seen within this time counts as running.
ALIVE = timedelta(minutes=2)
# Expected waits are estimated from recent evaluations, so they are given in steps of five seconds.
STEP_SECONDS = 5


# A long queue is read as a whole at most this often in a process. That leaves a landmark at each `STRIDE`th evaluation.
# Between two reads, positions are counted from the nearest landmark, so that a position far back costs no more than one
# at the front.
WALK_SECONDS = 5.0
STRIDE = 500
# Raw SQL, because the ORM would move the outer condition inside and number the wrong rows.
LANDMARKS = """
select fair_share_rank, id, place from (
    select fair_share_rank, id, row_number() over (order by fair_share_rank, id) as place
    from submissions_evaluation where lane = %s and state = 'queued'
) numbered where mod(place, %s) = 0 order by place
"""
# Pairs (rank, id) are compared in parts: PostgreSQL would compare whole pairs by reading the index to the rank's end.
AHEAD = """(select count(*) from (
    select 1 from submissions_evaluation one where one.lane = %s and one.state = 'queued' and {} limit %s
) counted)"""
PARTS = (
    "one.fair_share_rank = wanted.rank and one.id < wanted.id and one.id > mark_id and mark_rank = wanted.rank",
    "one.fair_share_rank = wanted.rank and one.id < wanted.id and mark_rank < wanted.rank",
    "one.fair_share_rank = mark_rank and one.id > mark_id and mark_rank < wanted.rank",
    "one.fair_share_rank > mark_rank and one.fair_share_rank < wanted.rank",
)
BETWEEN = "with wanted (id, rank, mark_id, mark_rank) as (values {}) select id, {} from wanted"
# The place of an evaluation in the order of its lane: its rank, then its id.
Spot = tuple[int, int]
EVERYTHING = 10**9


@dataclass(frozen=True)
class Walk:
    """The landmarks of a lane: each `STRIDE`th waiting evaluation with its position. Valid until `due`."""

    due: float
    spots: list[Spot]
    places: list[int]

    def mark(self, spot: Spot) -> tuple[Spot, int]:
        """Returns the last landmark before `spot` and its position, or the start of the queue."""
        at = bisect_left(self.spots, spot)
        return (self.spots[at - 1], self.places[at - 1]) if at else ((-1, 0), 0)


_walks: dict[str, Walk] = {}


def queue_position(evaluation: Evaluation) -> int | None:
    """Returns the position in the lane, 1 for the next evaluation that a worker takes; None if it does not wait."""
    if evaluation.state != State.QUEUED:
        return None
    return places(evaluation.lane, [(evaluation.fair_share_rank, evaluation.pk)])[evaluation.pk]


def places(lane: str, waiting: Collection[Spot]) -> dict[int, int]:
    """Returns queue positions by id. A short queue is counted directly, a long one from its landmarks."""
    if not waiting:
        return {}
    walk = _walks.get(lane)
    if walk is None or monotonic() >= walk.due:
        near, positions = _counted(lane, waiting, Walk(0.0, [], []), STRIDE)
        if near:
            return positions
        walk = _walks[lane] = _walked(lane)
    return _counted(lane, waiting, walk, EVERYTHING)[1]


def _counted(lane: str, waiting: Collection[Spot], walk: Walk, most: int) -> tuple[bool, dict[int, int]]:
    """Counts each position from the nearest known one before it. Also returns False if a gap has `most` or more."""
    ordered = sorted(waiting)
    known: list[tuple[Spot, Spot, int | None]] = []
    for spot, before in zip(ordered, [(-1, 0), *ordered], strict=False):
        mark, place = walk.mark(spot)
        known.append((spot, before, None) if before > mark else (spot, mark, place))
    with connection.cursor() as cursor:
        cursor.execute(*between(known, lane, most))
        gaps = dict(cursor.fetchall())
    positions, last = {}, 0
    for (_, pk), _, from_mark in known:
        last = positions[pk] = (last if from_mark is None else from_mark) + gaps[pk] + 1
    return max(gaps.values()) < most, positions


def between(known: Sequence[tuple[Spot, Spot, int | None]], lane: str, most: int) -> tuple[str, list[Any]]:
    """Returns the SQL, and its values, that counts the waiting evaluations between each spot and its landmark."""
    values = [part for (rank, pk), mark, _ in known for part in (pk, rank, mark[1], mark[0])]
    ahead = " + ".join(AHEAD.format(part) for part in PARTS)
    return BETWEEN.format(", ".join(["(%s, %s, %s, %s)"] * len(known)), ahead), [*values, *[lane, most] * len(PARTS)]


def _walked(lane: str) -> Walk:
    with connection.cursor() as cursor:
        cursor.execute(LANDMARKS, [lane, STRIDE])
        rows = cursor.fetchall()
    spots, places_of_spots = [(rank, pk) for rank, pk, _ in rows], [place for _, _, place in rows]
    return Walk(monotonic() + WALK_SECONDS, spots, places_of_spots)


def forget() -> None:
    """Forgets all landmarks. Tests call it, because landmarks outlive a test's database."""
    _walks.clear()


def expected_wait(evaluation: Evaluation) -> int | None:
    """Estimates the seconds until a worker starts an evaluation, from the last hour. None if that is unknown."""
    position = queue_position(evaluation)
    return wait_at(position, seconds_each(evaluation.lane)) if position is not None else None


def wait_at(position: int, each: float | None) -> int | None:
    """Returns the seconds until `position` evaluations have ended, rounded up to whole steps."""
    return None if each is None else math.ceil(position * each / STEP_SECONDS) * STEP_SECONDS


def seconds_each(lane: str) -> float | None:
    """Returns the seconds between two ends of evaluations in a lane, with all its workers. None if that is unknown."""
    workers = WorkerStatus.objects.filter(lane=lane, last_seen__gte=timezone.now() - ALIVE).count()
    mean = _mean_seconds(lane) if workers else None
    return mean / workers if mean is not None else None


def _mean_seconds(lane: str) -> int | None:
    """Returns how long an evaluation took on average in the last hour, in whole seconds.

    The fraction is left out: it depends on hidden samples, and a long queue would multiply it until a learner sees it.
    """
    took = ExpressionWrapper(F("finished_at") - F("started_at"), DurationField())
    lately = Evaluation.objects.filter(
        lane=lane, started_at__isnull=False, finished_at__gte=timezone.now() - timedelta(hours=1)
    )
    mean: timedelta | None = lately.aggregate(mean=Avg(took))["mean"]
    return math.ceil(mean.total_seconds()) if mean else None


def rank_of_submission(submission: Submission) -> int:
    """The number of evaluations that the learner has open already, so that many submissions of one learner do not hold
    up another learner's first one.
    """
    return Evaluation.objects.open().filter(submission__user=submission.user).count()


def rank_of_run(purpose: str, open_before: int) -> int:
    """As for submissions, by the learner's open runs; baselines come last."""
    return BASELINE_RANK if purpose == Run.Purpose.BASELINE else open_before


def rank_of_regrade(*, shadow: bool, grader: str) -> int:
    """First, because a learner or a person waits for it; last of all learners' work if it changes no grade yet."""
    return SHADOW_RANK if shadow and grader == Grader.AI else 0


def ring(lane: str) -> bool:
    """Wakes one worker of the lane by a Celery message without content. Returns False if no message was sent.

    A broker that is down is not an error, because workers also look for work by themselves.
    """
    if not settings.REDIS_URL:
        return False
    from gradus.celery import app

    try:
        app.send_task("workers.ring", queue=lane, retry=False, expires=60)
    except Exception as error:
        # The client of a broker can raise many exceptions. The evaluation is queued, and the reconciler rings again.
        log.warning("bell_not_rung", lane=lane, reason=f"{type(error).__name__}: {error}")
        return False
    return True


def ring_after_commit(lane: str) -> None:
    """Rings when the current transaction has been committed, so that the worker finds the evaluation."""
    transaction.on_commit(lambda: ring(lane))
