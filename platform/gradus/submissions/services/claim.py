"""Services with which workers claim evaluations and keep their leases.

They are conditional updates that use the database's clock. The number of changed rows says which worker has won.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, Q
from django.db.models.functions import Coalesce, Now

from challenges.kinds.base import Lane
from gradus.courses.models import ChallengeVersion
from gradus.submissions import events, failpoints, queue
from gradus.submissions.models import Evaluation, EvaluationQuerySet, Run, Submission
from gradus.submissions.services.finish import release
from gradus.submissions.states import State

# One statement finds and locks the row, changes it and writes the event, because each round trip to the database would
# make a claim slower.
TAKE = """
with next as ({next}),
taken as (
    update submissions_evaluation one set state = 'running', attempt = attempt + 1, fence = fence + 1,
        lease_until = statement_timestamp() + %s, started_at = coalesce(started_at, statement_timestamp()),
        worker = %s, engine_profile = %s
    from next where one.id = next.id and one.state = 'queued' returning one.*
),
told as (
    insert into submissions_event (evaluation_id, seq, type, data)
    select id, 1 + coalesce((select max(seq) from submissions_event where evaluation_id = taken.id), 0), 'started',
        jsonb_build_object('attempt', attempt)
    from taken
)
select * from taken
"""


def claim(
    lane: str,
    *,
    worker: str,
    profile: str,
    without: Collection[str] = (),
    lease_seconds: float | None = None,
    is_elsewhere: bool = False,
) -> Evaluation | None:
    """Claims the next evaluation of the lane: that of the learner with the fewest open ones, then the oldest.

    Challenges of the base models `without` are left for other workers, because this one cannot compute them now.
    `lease_seconds` is the time of the lease, that of the settings where it is None. A worker that `is_elsewhere` takes
    no measurements of times: the site cannot know what else its machine does. Returns None if nothing waits. The claim
    raises the fence and sets the lease: a worker with an older fence can no longer change the evaluation.
    """
    with transaction.atomic():
        take = _take_at_once if connection.vendor == "postgresql" else _take
        waiting = _next(lane, profile, without)
        if is_elsewhere:
            waiting = waiting.filter(fair_share_rank__lt=queue.MEASUREMENT_RANK)
        evaluation = take(waiting, worker, profile, lease_seconds)
        if evaluation is None:
            return None
        failpoints.reach("claim.uncommitted")
    failpoints.reach("claim.committed")
    return evaluation


def learner_waits(lane: str, profile: str, without: Collection[str] = ()) -> bool:
    """Returns True if an evaluation waits that comes before all that verifies versions, and that `claim` would take."""
    waiting = Evaluation.objects.claimable(lane, profile).filter(fair_share_rank__lt=queue.VERIFICATION_RANK)
    return (waiting.exclude(_needs(without)) if without else waiting).exists()


def _next(lane: str, profile: str, without: Collection[str]) -> EvaluationQuerySet:
    """Returns the evaluations to claim, in their order. The reconciler ends those that have no attempts left.

    Times are only measured while nothing else runs in the lane.
    """
    running = Exists(Evaluation.objects.filter(lane=lane, state=State.RUNNING))
    may_run = Q(fair_share_rank__lt=queue.MEASUREMENT_RANK) | ~running
    waiting = Evaluation.objects.claimable(lane, profile).filter(may_run, attempt__lt=F("max_attempts"))
    return (waiting.exclude(_needs(without)) if without else waiting).unlocked()


def _needs(models: Collection[str]) -> Q:
    """Returns the condition that an evaluation needs one of the base models. Joins would not let PostgreSQL lock rows.

    An evaluation belongs to the version that it is graded by, else to that of its submission or run.
    """
    versions = ChallengeVersion.objects.filter(spec__model__in=list(models))
    own = Q(submission__in=Submission.objects.filter(version__in=versions)) | Q(
        run__in=Run.objects.filter(version__in=versions)
    )
    return Q(graded_version__in=versions) | Q(graded_version__isnull=True) & own


def others_at_work(evaluation_id: int, host: str, since: datetime) -> bool:
    """Returns True if another evaluation runs on the machine `host`, or has ended there since then."""
    there = Evaluation.objects.filter(worker__startswith=f"{host}:").exclude(pk=evaluation_id)
    # The index on the end begins with the lane.
    ended = there.filter(lane__in=[*Lane], finished_at__gte=since)
    return there.filter(state=State.RUNNING).exists() or ended.exists()


def _take_at_once(waiting: EvaluationQuerySet, worker: str, profile: str, seconds: float | None) -> Evaluation | None:
    sql, values = waiting.values("id")[:1].query.sql_with_params()
    given = (*values, lease_time(seconds), worker, profile)
    return next(iter(Evaluation.objects.raw(TAKE.format(next=sql), given)), None)


def _take(waiting: EvaluationQuerySet, worker: str, profile: str, seconds: float | None) -> Evaluation | None:
    """Claims in several statements, for SQLite, where only one transaction writes. Other databases may lose a race."""
    while (pk := waiting.values_list("pk", flat=True).first()) is not None:
        won = Evaluation.objects.filter(pk=pk, state=State.QUEUED).update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            fence=F("fence") + 1,
            lease_until=Now() + lease_time(seconds),
            started_at=Coalesce(F("started_at"), Now()),
            worker=worker,
            engine_profile=profile,
        )
        if won:
            evaluation = Evaluation.objects.get(pk=pk)
            events.write(evaluation, [("started", {"attempt": evaluation.attempt})])
            return evaluation
    return None


def is_of(worker: str, who: str) -> bool:
    """Returns True if `who` is the worker's name, or its machine."""
    return worker == who or worker.startswith(f"{who}:")


def lease_time(seconds: float | None) -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS if seconds is None else seconds)


def heartbeat(evaluation_id: int, fence: int, seconds: float | None = None) -> bool:
    """Extends the lease. Returns False if the worker must stop: the lease was lost, or the evaluation cancelled."""
    held = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING, cancel_requested=False)
    return held.update(lease_until=Now() + lease_time(seconds)) == 1


def end_leases(who: str) -> int:
    """Returns what the worker `who`, or all workers of that machine, compute to the queue, for any worker at once.

    These workers find out at their next call, because their fence is no longer that of a running evaluation. What they
    have handed in already is recorded. Returns the number of evaluations.
    """
    held = Evaluation.objects.filter(state=State.RUNNING, worker__startswith=who)
    # SQLite also finds names that differ in the case of their letters.
    theirs = [one for one in held.only("pk", "fence", "lane", "worker") if is_of(one.worker, who)]
    returned = [one for one in theirs if release(one.pk, one.fence, broken=True)]
    for lane in {one.lane for one in returned}:
        queue.ring_after_commit(lane)
    return len(returned)
