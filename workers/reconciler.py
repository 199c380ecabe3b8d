"""Sweeps expired leases, rings again, tidies up, checks invariants. Conditional updates only: several may run.

It waits for no row that another transaction holds: one that a stopped process keeps locked must not hold up the rest.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from gradus.submissions import bell, failpoints
from gradus.submissions.error_codes import CODES
from gradus.submissions.models import (
    Evaluation,
    EvaluationQuerySet,
    Event,
    InFlight,
    ReconcilerStatus,
    Run,
    RunSlot,
    WorkerStatus,
)
from gradus.submissions.services.finish import close
from gradus.submissions.states import OPEN, State
from workers import invariants, orphans

log = structlog.get_logger(__name__)
EVENTS_KEPT = timedelta(days=30)
WORKER_GONE = timedelta(minutes=10)
# At most so many in one transaction of a round.
ROWS = 500


def sweep() -> dict[str, int]:
    """One round; returns what it did, by name."""
    done = {
        "requeued": requeue_expired(),
        "failed": fail_exhausted(),
        "unbound": unbind_lost_profiles(),
        "pruned": prune(),
        "orphans": orphans.hourly(),
    }
    broken = invariants.check()
    if broken:
        log.error("invariants_broken", **broken)
    # After the count, so that a fault of the code is told before its consequence is repaired.
    done["freed"] = free_orphan_slots()
    report(done, broken)
    ring_all()
    return done


def report(done: dict[str, int], broken: dict[str, int]) -> None:
    """By this the admin's page, the metrics and `doctor` see that somebody sweeps."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    values = {"last_run": Now(), "done": done, "broken": broken}
    ReconcilerStatus.objects.update_or_create(name=name, defaults=values)


def requeue_expired() -> int:
    """Running with an expired lease and attempts left: back to the queue."""
    expired = Evaluation.objects.expired().filter(attempt__lt=F("max_attempts"))
    requeued = _update_unlocked(expired, state=State.QUEUED, lease_until=None, available_at=Now())
    if requeued:
        failpoints.reach("sweep.requeued")
    return requeued


@transaction.atomic
def _update_unlocked(found: EvaluationQuerySet, **values: Any) -> int:
    """The condition is asked once more by the update itself."""
    free = list(found.unlocked().values_list("pk", flat=True)[:ROWS])
    return found.filter(pk__in=free).update(**values)


def fail_exhausted() -> int:
    """Expired, or queued, without attempts left: failed, and the attempt is given back."""
    count = 0
    stuck = Evaluation.objects.filter(
        Q(state=State.RUNNING, lease_until__lt=Now()) | Q(state=State.QUEUED), attempt__gte=F("max_attempts")
    )
    for evaluation in stuck.select_related("submission")[:ROWS]:
        count += _fail(evaluation)
    return count


@transaction.atomic
def _fail(evaluation: Evaluation) -> int:
    held = Evaluation.objects.filter(pk=evaluation.pk, state=evaluation.state, fence=evaluation.fence)
    ended = {"state": State.FAILED, "lease_until": None, "error_code": "worker_lost", "finished_at": Now()}
    changed = _update_unlocked(held, **ended)
    if changed:
        evaluation.refresh_from_db()
        close(evaluation, "worker_lost", CODES["worker_lost"].refund)
    return changed


def unbind_lost_profiles() -> int:
    """A retry waits for its own kind of machine, but not for one that has left."""
    alive = WorkerStatus.objects.filter(last_seen__gte=Now() - WORKER_GONE).values_list("profile", flat=True)
    bound = Evaluation.objects.filter(state=State.QUEUED).exclude(engine_profile="")
    return _update_unlocked(bound.exclude(engine_profile__in=list(alive)), engine_profile="")


def free_orphan_slots() -> int:
    """Frees slots whose submission or run has ended, so that no fault of ours keeps a learner out for ever.

    A slot and its open evaluation come and go in one transaction, so one statement never sees one without the other.
    """
    submissions, _ = invariants.orphans_in_flight(InFlight.objects.all()).delete()
    runs, _ = invariants.orphans_of_runs(RunSlot.objects.all()).delete()
    return submissions + runs


def prune() -> int:
    """Old runs and events, and workers and reconcilers that have left. A training's loss series stays in the result."""
    WorkerStatus.objects.filter(last_seen__lt=Now() - timedelta(days=1)).delete()
    ReconcilerStatus.objects.filter(last_run__lt=Now() - timedelta(days=1)).delete()
    old = Event.objects.filter(evaluation__finished_at__lt=Now() - EVENTS_KEPT)
    pruned, _ = old.delete()
    Run.objects.filter(expires_at__lt=Now()).exclude(evaluations__state__in=OPEN).delete()
    return pruned


def ring_all() -> None:
    """Once per lane, so that idle workers also say that they live."""
    for lane in ("interactive", "grade", "judge", "train"):
        bell.ring(lane)
