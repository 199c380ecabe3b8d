"""The reconciler requeues evaluations whose lease has expired, rings workers, releases grades at their date, computes
gradebooks and the figures of challenges again after changes, lists attempts for the search for similar ones, tells what
classes announce, mails notices, deletes old rows and checks invariants.

It only makes conditional updates, so several reconcilers may run at once. It never waits for a locked row: a row that a
stopped process keeps locked must not delay all others.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from challenges.kinds.base import Lane
from gradus import database_away, retention
from gradus.challenge_health import figures
from gradus.gradebook import recounts
from gradus.notices import announcements, mails
from gradus.reconciling import invariants
from gradus.reconciling import orphan_files as orphans
from gradus.submissions import failpoints, queue
from gradus.submissions.models import (
    Evaluation,
    EvaluationQuerySet,
    ReconcilerStatus,
    Slot,
    WorkerStatus,
)
from gradus.submissions.results import releasing
from gradus.submissions.results.copying import fingerprints
from gradus.submissions.services.finish import close, hold_course
from gradus.submissions.states import CODES, State

log = structlog.get_logger(__name__)
WORKER_GONE = timedelta(minutes=10)
# A transaction of a round changes at most this many rows.
ROWS = 500
# Grades that a round releases: as few as take some seconds, for the same reason as mails.
RELEASES = 2000
# Attempts of a round that are listed for the search for similar ones: about a second of work.
FINGERPRINTS = 100
# Mails of a round: few, so that they never delay the recovery of jobs.
MAILS = 10
# How long mails rest after the mail server could not be reached.
MAIL_REST_SECONDS = 300.0


def sweep() -> dict[str, int]:
    """Runs one round and returns how many rows each step changed, by the step's name."""
    steps: dict[str, Callable[[], int]] = {
        "requeued": requeue_expired,
        "failed": fail_exhausted,
        "unbound": unbind_lost_profiles,
        "released": lambda: releasing.carry_out(most=RELEASES, waits=False),
        "recounted": recounts.settle_one,
        "measured": figures.refresh_one,
        "fingerprinted": lambda: fingerprints.carry_out(FINGERPRINTS),
        "pruned": retention.carry_out,
        "orphans": orphans.hourly,
    }
    # After the check, so that a fault of the code is reported before its consequence is repaired.
    repairs: dict[str, Callable[[], int]] = {
        "freed": free_orphan_slots,
        "announced": announcements.tell_due,
        "mailed": send_mails,
    }
    done, failed = _carried_out(steps)
    broken = invariants.check()
    if broken:
        log.error("invariants_broken", **broken)
    repaired, not_repaired = _carried_out(repairs)
    done |= repaired
    report(done, {**broken, **failed, **not_repaired})
    ring_all()
    return done


def _carried_out(steps: Mapping[str, Callable[[], int]]) -> tuple[dict[str, int], dict[str, int]]:
    """Carries the steps out. Returns how many rows each changed, and 1 for each that failed, as `<name>_failed`.

    A step that fails keeps no other from its turn, unless the database is away.
    """
    done, failed = {}, {}
    for name, step in steps.items():
        try:
            done[name] = step()
        except database_away.ERRORS:
            raise
        except Exception as error:
            log.exception("step_failed", step=name, reason=type(error).__name__)
            done[name], failed[f"{name}_failed"] = 0, 1
    return done, failed


def report(done: dict[str, int], broken: dict[str, int]) -> None:
    """Records that this reconciler is alive and what it did, for the admin, the metrics and `doctor`."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    values = {"last_run": Now(), "done": done, "broken": broken}
    ReconcilerStatus.objects.update_or_create(name=name, defaults=values)


def requeue_expired() -> int:
    """Puts running evaluations with an expired lease and attempts left back into the queue; returns their number."""
    expired = Evaluation.objects.expired().filter(attempt__lt=F("max_attempts"))
    requeued = _update_unlocked(expired, state=State.QUEUED, lease_until=None, available_at=Now())
    if requeued:
        failpoints.reach("sweep.requeued")
    return requeued


@transaction.atomic
def _update_unlocked(evaluations: EvaluationQuerySet, **values: Any) -> int:
    """Updates the unlocked rows of `evaluations`, whose condition is checked again; returns their number."""
    free = list(evaluations.unlocked().values_list("pk", flat=True)[:ROWS])
    return evaluations.filter(pk__in=free).update(**values)


def fail_exhausted() -> int:
    """Fails evaluations without attempts left and gives the learner's attempt back; returns their number."""
    count = 0
    stuck = Evaluation.objects.filter(
        Q(state=State.RUNNING, lease_until__lt=Now()) | Q(state=State.QUEUED), attempt__gte=F("max_attempts")
    )
    for evaluation in stuck.select_related("submission")[:ROWS]:
        try:
            count += _fail(evaluation)
        except database_away.ERRORS:
            raise
        except Exception as error:
            log.exception("not_failed", evaluation=evaluation.pk, reason=type(error).__name__)
    return count


@transaction.atomic
def _fail(evaluation: Evaluation) -> int:
    if not hold_course(evaluation.pk, waits=False):
        return 0
    held = Evaluation.objects.filter(pk=evaluation.pk, state=evaluation.state, fence=evaluation.fence)
    ended = {"state": State.FAILED, "lease_until": None, "error_code": "worker_lost", "finished_at": Now()}
    changed = _update_unlocked(held, **ended)
    if changed:
        evaluation.refresh_from_db()
        close(evaluation, "worker_lost", CODES["worker_lost"].refund)
    return changed


def unbind_lost_profiles() -> int:
    """Lets retries run on any machine when no worker of their engine profile is alive and able to work.

    Returns their number.
    """
    alive = WorkerStatus.objects.filter(last_seen__gte=Now() - WORKER_GONE, problem="").values_list(
        "profile", flat=True
    )
    bound = Evaluation.objects.filter(state=State.QUEUED).exclude(engine_profile="")
    return _update_unlocked(bound.exclude(engine_profile__in=list(alive)), engine_profile="")


def free_orphan_slots() -> int:
    """Frees slots whose submission or run has ended, so that no fault of ours locks a learner out forever.

    A slot and its open evaluation are created and ended in one transaction, so a single statement never sees only one
    of them. Returns the number of slots.
    """
    submissions, _ = invariants.orphans_of_submissions(Slot.objects.all()).delete()
    runs, _ = invariants.orphans_of_runs(Slot.objects.all()).delete()
    return submissions + runs


def ring_all() -> None:
    """Rings each lane once, so that idle workers, too, report that they are alive."""
    for lane in Lane:
        queue.ring(lane)


class Mailing:
    """Sends notices that are due by mail, and rests for some minutes after the mail server could not be reached."""

    def __init__(self) -> None:
        self.due = 0.0

    def __call__(self) -> int:
        if time.monotonic() < self.due:
            return 0
        try:
            return mails.send_due(MAILS)
        except mails.MailServerAway as away:
            self.due = time.monotonic() + MAIL_REST_SECONDS
            log.warning("mail_server_away", reason=str(away))
            return 0


send_mails = Mailing()
