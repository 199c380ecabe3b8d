"""Reads about waiting: who is ahead in a lane, and how long that may take."""

import math
from datetime import timedelta

from django.db.models import Avg, ExpressionWrapper, F, Q
from django.db.models.fields import DurationField
from django.utils import timezone

from gradus.submissions.errors import State
from gradus.submissions.models import Evaluation, WorkerStatus

ALIVE = timedelta(minutes=2)
# Waits are a guess from what ended lately; in steps of five seconds they do not pretend to be more.
STEP_SECONDS = 5


def queue_position(evaluation: Evaluation) -> int | None:
    """1 for the next one that a worker takes; None where it does not wait."""
    if evaluation.state != State.QUEUED:
        return None
    ahead = Q(turn__lt=evaluation.turn) | Q(turn=evaluation.turn, pk__lt=evaluation.pk)
    return Evaluation.objects.filter(ahead, lane=evaluation.lane, state=State.QUEUED).count() + 1


def expected_wait(evaluation: Evaluation) -> int | None:
    """Seconds until a worker starts on it, from what ended in the last hour; None where nobody can tell."""
    position = queue_position(evaluation)
    workers = WorkerStatus.objects.filter(lane=evaluation.lane, last_seen__gte=timezone.now() - ALIVE).count()
    mean = _mean_seconds(evaluation.lane)
    if position is None or not workers or mean is None:
        return None
    return math.ceil(position * mean / workers / STEP_SECONDS) * STEP_SECONDS


def _mean_seconds(lane: str) -> int | None:
    """Whole seconds: a long queue would multiply a fraction, which hidden rows had a part in, into view."""
    took = ExpressionWrapper(F("finished_at") - F("started_at"), DurationField())
    lately = Evaluation.objects.filter(
        lane=lane, started_at__isnull=False, finished_at__gte=timezone.now() - timedelta(hours=1)
    )
    mean: timedelta | None = lately.aggregate(mean=Avg(took))["mean"]
    return math.ceil(mean.total_seconds()) if mean else None
