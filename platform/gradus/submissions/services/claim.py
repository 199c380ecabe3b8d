"""Claim and heartbeat: conditional updates on the database's clock. The row count says who won."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from gradus.submissions import failpoints
from gradus.submissions.errors import State
from gradus.submissions.models import Evaluation
from gradus.submissions.services import events


def claim(lane: str, *, worker: str, profile: str) -> Evaluation | None:
    """Takes the fairest queued evaluation of the lane: fewest open ones of its learner first, then the oldest.

    The claim raises the fence and sets the lease; whoever holds an older fence changes nothing any more.
    """
    while True:
        with transaction.atomic():
            pk = _next(lane, profile)
            if pk is None:
                return None
            evaluation = _take(pk, worker, profile)
        if evaluation is not None:
            failpoints.reach("claim.committed")
            return evaluation


def _take(pk: int, worker: str, profile: str) -> Evaluation | None:
    won = Evaluation.objects.filter(pk=pk, state=State.QUEUED, attempt__lt=F("max_attempts")).update(
        state=State.RUNNING,
        attempt=F("attempt") + 1,
        fence=F("fence") + 1,
        lease_until=lease_end(),
        started_at=Coalesce(F("started_at"), Now()),
        worker=worker,
        engine_profile=profile,
    )
    if not won:
        return None
    # Versions hold a challenge's rows and texts: they are read by who grades, outside this transaction.
    evaluation = Evaluation.objects.select_related("submission", "run").get(pk=pk)
    events.write(evaluation, [("started", {"attempt": evaluation.attempt})])
    failpoints.reach("claim.uncommitted")
    return evaluation


def _next(lane: str, profile: str) -> int | None:
    return Evaluation.objects.claimable(lane, profile).unlocked().values_list("pk", flat=True).first()


def lease_end() -> object:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def heartbeat(evaluation_id: int, fence: int) -> bool:
    """Prolongs the lease. False: the work is no longer ours (lease lost or cancelled), stop it."""
    held = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING, cancel_requested=False)
    return held.update(lease_until=lease_end()) == 1
