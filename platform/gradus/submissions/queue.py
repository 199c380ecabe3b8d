"""The queue of evaluations: in which order workers claim them, the position of each and how long it will probably wait.

The queue is the table of evaluations. Workers take the lowest `fair_share_rank` of a lane first, and of equal ranks the
oldest evaluation. `ring` only wakes a worker.
"""

import math
from collections.abc import Collection
from datetime import timedelta
from statistics import mean

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Avg, ExpressionWrapper, F
from django.db.models.fields import DurationField
from django.utils import timezone

from gradus.submissions import durations
from gradus.submissions.models import Evaluation, Grader, Submission, WorkerStatus
from gradus.submissions.states import State

log = structlog.get_logger(__name__)
# Staff asked for a trial of new grades: learners do not wait for it.
SHADOW_RANK = 1000
# Nobody waits for a check that verifies a version: learners' work and regrades are claimed before it.
VERIFICATION_RANK = 1_000_000
# Time is measured when nothing else waits in the lane, or runs in it.
MEASUREMENT_RANK = 2_000_000
# A worker that was seen within this time counts as running.
ALIVE = timedelta(minutes=2)
# The wait is estimated from so many evaluations that are claimed next; under this key each one's time is kept.
LOOKED_AT, KEY = 30, "usual-seconds-{}"
JOIN = ("submission__version", "run__version", "graded_version")

# Raw SQL, because the ORM would move the outer condition inside and number the wrong rows.
POSITIONS = """
select id, position from (
    select id, row_number() over (order by fair_share_rank, id) as position
    from submissions_evaluation where lane = %s and state = 'queued'
) numbered where id in ({})
"""


def queue_position(evaluation: Evaluation) -> int | None:
    """Returns the position in the lane, 1 for the next evaluation that a worker takes; None if it does not wait."""
    return positions(evaluation.lane, [evaluation.pk]).get(evaluation.pk) if evaluation.state == State.QUEUED else None


def positions(lane: str, evaluations: Collection[int]) -> dict[int, int]:
    """Returns the positions in a lane by the evaluations' ids, without those that do not wait there any more."""
    if not evaluations:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(POSITIONS.format(", ".join(["%s"] * len(evaluations))), [lane, *evaluations])
        return dict(cursor.fetchall())


def expected_wait(evaluation: Evaluation) -> int | None:
    """Estimates the seconds until a worker starts an evaluation, from how long those in its lane usually take.

    None if that is unknown, as for one that was put back into the queue because a judge or a server did not answer.
    """
    position = queue_position(evaluation)
    if position is None or evaluation.postponed_since is not None:
        return None
    return wait_at(position, seconds_each(evaluation.lane))


def wait_at(position: int, each: float | None) -> int | None:
    """Returns the seconds until `position` evaluations have ended, rounded up to whole steps."""
    return None if each is None else math.ceil(position * each / durations.STEP_SECONDS) * durations.STEP_SECONDS


def seconds_each(lane: str, workers: Collection[WorkerStatus] | None = None) -> float | None:
    """Returns the seconds between two ends of evaluations in a lane, with all its workers. None if that is unknown.

    `workers` are those of the lane, where they were read before.
    """
    workers = WorkerStatus.objects.filter(lane=lane) if workers is None else workers
    alive = sum(worker.last_seen >= timezone.now() - ALIVE for worker in workers)
    each = _mean_of_open(lane) if alive else None
    return each / alive if each is not None else None


def _mean_of_open(lane: str) -> float | None:
    """Returns how long what workers take next in a lane takes on average, each by what is usual for its like.

    Where that is not known, by the last hour of the lane.
    """
    usual, lately = _usual_of_next(lane), _mean_seconds(lane)
    known = [seconds for each in usual if (seconds := each or lately)]
    return mean(known) if known else lately


def _usual_of_next(lane: str) -> list[float]:
    """Seconds of each evaluation, or 0 where they are not known. Streams ask every two seconds, so they are kept."""
    learners = Evaluation.objects.open().filter(lane=lane).exclude(fair_share_rank=VERIFICATION_RANK)
    following = list(learners.order_by("fair_share_rank", "pk").values_list("pk", flat=True)[:LOOKED_AT])
    cached = cache.get_many([KEY.format(pk) for pk in following])
    new = [pk for pk in following if KEY.format(pk) not in cached]
    whole = Evaluation.objects.filter(pk__in=new).select_related(*JOIN) if new else []
    read = {KEY.format(each.pk): durations.usual_seconds(each) or 0.0 for each in whole}
    cache.set_many(read, durations.KEPT_SECONDS)
    return [*cached.values(), *read.values()]


def _mean_seconds(lane: str) -> int | None:
    """Returns how long an evaluation took on average in the last hour, in whole seconds.

    The fraction is left out: it depends on hidden samples, and a long queue would multiply it until a learner sees it.
    """
    took = ExpressionWrapper(F("finished_at") - F("started_at"), DurationField())
    lately = Evaluation.objects.filter(
        lane=lane, started_at__isnull=False, finished_at__gte=timezone.now() - timedelta(hours=1)
    )
    average: timedelta | None = lately.aggregate(mean=Avg(took))["mean"]
    return math.ceil(average.total_seconds()) if average else None


def rank_of_submission(submission: Submission) -> int:
    """The number of evaluations that the learner has open already, so that many submissions of one learner do not hold
    up another learner's first one.
    """
    return Evaluation.objects.open().filter(submission__user=submission.user).count()


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
