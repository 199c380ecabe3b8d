"""Reads about waiting: who is ahead in a lane, and how long that may take."""

import math
from collections.abc import Collection
from datetime import timedelta

from django.db import connection
from django.db.models import Avg, ExpressionWrapper, F
from django.db.models.fields import DurationField
from django.utils import timezone

from gradus.submissions.errors import State
from gradus.submissions.models import Evaluation, WorkerStatus

ALIVE = timedelta(minutes=2)
# Waits are a guess from what ended lately; in steps of five seconds they do not pretend to be more.
STEP_SECONDS = 5


# One walk along the index for all; the ORM would put the outer condition inside and number the wrong rows.
PLACES = """
select id, place from (
    select id, row_number() over (order by turn, id) as place
    from submissions_evaluation where lane = %s and state = 'queued'
) numbered where id in ({})
"""
# Pairs are compared as pairs, so that the index is entered at its start and left at the row itself.
AHEAD = """
select count(*) from submissions_evaluation where lane = %s and state = 'queued' and (turn, id) < (%s, %s)
"""


def queue_position(evaluation: Evaluation) -> int | None:
    """1 for the next one that a worker takes; None where it does not wait."""
    if evaluation.state != State.QUEUED:
        return None
    with connection.cursor() as cursor:
        cursor.execute(AHEAD, [evaluation.lane, evaluation.turn, evaluation.pk])
        (ahead,) = cursor.fetchone()
    return int(ahead) + 1


def queue_positions(lane: str, ids: Collection[int]) -> dict[int, int]:
    """`queue_position` of many at once, by id; those that do not wait in this lane are left out."""
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(PLACES.format(", ".join(["%s"] * len(ids))), [lane, *ids])
        return dict(cursor.fetchall())


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
