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
            evaluation = _next(lane, profile)
            if evaluation is None:
                return None
            won = _take(evaluation, worker, profile)
        if won:
            failpoints.reach("claim.committed")
            return evaluation


def _take(evaluation: Evaluation, worker: str, profile: str) -> bool:
    """Leaves `evaluation` as the row is then; what the database's clock has set is read when it is asked for."""
    waits = {"pk": evaluation.pk, "state": State.QUEUED, "fence": evaluation.fence}
    won = Evaluation.objects.filter(**waits, attempt__lt=F("max_attempts")).update(
        state=State.RUNNING,
        attempt=F("attempt") + 1,
        fence=F("fence") + 1,
        lease_until=lease_end(),
        started_at=Coalesce(F("started_at"), Now()),
        worker=worker,
        engine_profile=profile,
    )
    if not won:
        return False
    is_first = evaluation.fence == 0
    evaluation.attempt, evaluation.fence = evaluation.attempt + 1, evaluation.fence + 1
    evaluation.state, evaluation.worker, evaluation.engine_profile = State.RUNNING, worker, profile
    del evaluation.lease_until, evaluation.started_at
    events.write(evaluation, [("started", {"attempt": evaluation.attempt})], is_first=is_first)
    failpoints.reach("claim.uncommitted")
    return True


def _next(lane: str, profile: str) -> Evaluation | None:
    """With its owner, but not the version: that holds a challenge's rows and texts, and is read by who grades."""
    found = Evaluation.objects.claimable(lane, profile).select_related("submission", "run")
    return found.unlocked(of=("self",)).first()


def lease_end() -> object:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def heartbeat(evaluation_id: int, fence: int) -> bool:
    """Prolongs the lease. False: the work is no longer ours (lease lost or cancelled), stop it."""
    held = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING, cancel_requested=False)
    return held.update(lease_until=lease_end()) == 1
