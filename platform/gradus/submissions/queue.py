"""Reads about waiting: who is ahead in a lane, and how long that may take."""

import math
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from django.db import connection
from django.db.models import Avg, ExpressionWrapper, F
from django.db.models.fields import DurationField
from django.utils import timezone

from gradus.submissions.models import Evaluation, WorkerStatus
from gradus.submissions.states import State

ALIVE = timedelta(minutes=2)
# Waits are a guess from what ended lately; in steps of five seconds they do not pretend to be more.
STEP_SECONDS = 5


# A long queue is walked as a whole at most this often in a process; what is asked for in between is counted from the
# nearest of the landmarks that the walk has left, so that a place costs as much far back as at the front.
WALK_SECONDS = 5.0
STRIDE = 500
# The ORM would put the outer condition inside and number the wrong rows.
LANDMARKS = """
select fair_share_rank, id, place from (
    select fair_share_rank, id, row_number() over (order by fair_share_rank, id) as place
    from submissions_evaluation where lane = %s and state = 'queued'
) numbered where mod(place, %s) = 0 order by place
"""
# Rank by rank: where pairs are compared as pairs, PostgreSQL reads the index on to the end of the rank.
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
# Turn and id, which is the order of a lane.
Spot = tuple[int, int]
EVERYTHING = 10**9


@dataclass(frozen=True)
class Walk:
    """Each `STRIDE`th of a lane, and its place; until `due` it is not walked again."""

    due: float
    spots: list[Spot]
    places: list[int]

    def mark(self, spot: Spot) -> tuple[Spot, int]:
        """The last landmark before `spot`, or the start."""
        at = bisect_left(self.spots, spot)
        return (self.spots[at - 1], self.places[at - 1]) if at else ((-1, 0), 0)


_walks: dict[str, Walk] = {}


def queue_position(evaluation: Evaluation) -> int | None:
    """1 for the next one that a worker takes; None where it does not wait."""
    if evaluation.state != State.QUEUED:
        return None
    return places(evaluation.lane, [(evaluation.fair_share_rank, evaluation.pk)])[evaluation.pk]


def places(lane: str, waiting: Collection[Spot]) -> dict[int, int]:
    """Places by id of what waits in this lane. A short queue is counted as it is, a long one from its landmarks."""
    if not waiting:
        return {}
    walk = _walks.get(lane)
    if walk is None or monotonic() >= walk.due:
        near, found = _counted(lane, waiting, Walk(0.0, [], []), STRIDE)
        if near:
            return found
        walk = _walks[lane] = _walked(lane)
    return _counted(lane, waiting, walk, EVERYTHING)[1]


def _counted(lane: str, waiting: Collection[Spot], walk: Walk, most: int) -> tuple[bool, dict[int, int]]:
    """Whether no gap has `most`, and places: each is counted from the nearest one before it that is known."""
    ordered = sorted(waiting)
    known: list[tuple[Spot, Spot, int | None]] = []
    for spot, before in zip(ordered, [(-1, 0), *ordered], strict=False):
        mark, place = walk.mark(spot)
        known.append((spot, before, None) if before > mark else (spot, mark, place))
    with connection.cursor() as cursor:
        cursor.execute(*between(known, lane, most))
        gaps = dict(cursor.fetchall())
    found, last = {}, 0
    for (_, pk), _, from_mark in known:
        last = found[pk] = (last if from_mark is None else from_mark) + gaps[pk] + 1
    return max(gaps.values()) < most, found


def between(known: Sequence[tuple[Spot, Spot, int | None]], lane: str, most: int) -> tuple[str, list[Any]]:
    """SQL and its values: how many wait between each spot and its mark."""
    values = [part for (rank, pk), mark, _ in known for part in (pk, rank, mark[1], mark[0])]
    ahead = " + ".join(AHEAD.format(part) for part in PARTS)
    return BETWEEN.format(", ".join(["(%s, %s, %s, %s)"] * len(known)), ahead), [*values, *[lane, most] * len(PARTS)]


def _walked(lane: str) -> Walk:
    with connection.cursor() as cursor:
        cursor.execute(LANDMARKS, [lane, STRIDE])
        rows = cursor.fetchall()
    spots, found = [(rank, pk) for rank, pk, _ in rows], [place for _, _, place in rows]
    return Walk(monotonic() + WALK_SECONDS, spots, found)


def forget() -> None:
    """The walks so far, which outlive a database in tests."""
    _walks.clear()


def expected_wait(evaluation: Evaluation) -> int | None:
    """Seconds until a worker starts on it, from what ended in the last hour; None where nobody can tell."""
    position = queue_position(evaluation)
    return wait_at(position, seconds_each(evaluation.lane)) if position is not None else None


def wait_at(position: int, each: float | None) -> int | None:
    """Seconds that `position` evaluations take, in whole steps."""
    return None if each is None else math.ceil(position * each / STEP_SECONDS) * STEP_SECONDS


def seconds_each(lane: str) -> float | None:
    """How often the lane ends an evaluation, with all its workers; None where nobody can tell."""
    workers = WorkerStatus.objects.filter(lane=lane, last_seen__gte=timezone.now() - ALIVE).count()
    mean = _mean_seconds(lane) if workers else None
    return mean / workers if mean is not None else None


def _mean_seconds(lane: str) -> int | None:
    """Whole seconds: a long queue would multiply a fraction, which hidden rows had a part in, into view."""
    took = ExpressionWrapper(F("finished_at") - F("started_at"), DurationField())
    lately = Evaluation.objects.filter(
        lane=lane, started_at__isnull=False, finished_at__gte=timezone.now() - timedelta(hours=1)
    )
    mean: timedelta | None = lately.aggregate(mean=Avg(took))["mean"]
    return math.ceil(mean.total_seconds()) if mean else None
