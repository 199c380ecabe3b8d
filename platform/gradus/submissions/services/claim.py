"""Claim and heartbeat: conditional updates on the database's clock. The row count says who won."""

from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from gradus.submissions import failpoints
from gradus.submissions.models import Evaluation, EvaluationQuerySet
from gradus.submissions.services import events
from gradus.submissions.services.runs import AFTER_ALL_OTHERS
from gradus.submissions.states import State

# One statement, because a claim's time is the way there and back: the row is found and locked, taken, and said so.
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


def claim(lane: str, *, worker: str, profile: str) -> Evaluation | None:
    """Takes the fairest queued evaluation of the lane: fewest open ones of its learner first, then the oldest.

    The claim raises the fence and sets the lease; whoever holds an older fence changes nothing any more.
    """
    with transaction.atomic():
        take = _take_at_once if connection.vendor == "postgresql" else _take
        evaluation = take(lane, worker, profile)
        if evaluation is None:
            return None
        failpoints.reach("claim.uncommitted")
    failpoints.reach("claim.committed")
    return evaluation


def learner_waits(lane: str, profile: str) -> bool:
    """Whether something waits that comes before every baseline."""
    return Evaluation.objects.claimable(lane, profile).filter(fair_share_rank__lt=AFTER_ALL_OTHERS).exists()


def _next(lane: str, profile: str) -> EvaluationQuerySet:
    """What has no attempts left is the reconciler's."""
    return Evaluation.objects.claimable(lane, profile).filter(attempt__lt=F("max_attempts")).unlocked()


def _take_at_once(lane: str, worker: str, profile: str) -> Evaluation | None:
    sql, values = _next(lane, profile).values("id")[:1].query.sql_with_params()
    given = (*values, timedelta(seconds=settings.LEASE_SECONDS), worker, profile)
    return next(iter(Evaluation.objects.raw(TAKE.format(next=sql), given)), None)


def _take(lane: str, worker: str, profile: str) -> Evaluation | None:
    """The same in steps, where a transaction that writes is alone; another database than SQLite may lose a race."""
    while (pk := _next(lane, profile).values_list("pk", flat=True).first()) is not None:
        won = Evaluation.objects.filter(pk=pk, state=State.QUEUED).update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            fence=F("fence") + 1,
            lease_until=lease_end(),
            started_at=Coalesce(F("started_at"), Now()),
            worker=worker,
            engine_profile=profile,
        )
        if won:
            evaluation = Evaluation.objects.get(pk=pk)
            events.write(evaluation, [("started", {"attempt": evaluation.attempt})])
            return evaluation
    return None


def lease_end() -> object:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def heartbeat(evaluation_id: int, fence: int) -> bool:
    """Prolongs the lease. False: the work is no longer ours (lease lost or cancelled), stop it."""
    held = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING, cancel_requested=False)
    return held.update(lease_until=lease_end()) == 1
