"""Decides what becomes of an evaluation whose grading raised an error: refused, tried again, or given back.

A learner's own mistake ends the evaluation. A fault of the machine, of the database or of an endpoint costs no learner
an attempt at a submission: the evaluation waits and is graded again.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError, connection

from challenges import payloads
from graders.base import Rejected
from graders.request_costs import Disturbed
from gradus import stores
from gradus.courses.bundles import BundleMissing
from gradus.submissions import services
from gradus.submissions.models import Evaluation
from gradus.submissions.services.finish import LeaseLost
from workers.breaker import OF_THE_RUNNER, Breaker, RunnerBroken
from workers.grading.evaluations import gives_way, needs
from workers.heartbeat import Heartbeat
from workers.judge.contract import JudgeMisconfigured, Postpone
from workers.remote.calls import EngineMisconfigured, EngineSlow
from workers.sandbox.supervisor import GpuFailed, RunnerDied, RunnerTimeout, Stopped, WorkLimit

log = structlog.get_logger(__name__)
# The database cannot be reached or has ended the connection. PostgreSQL raises InternalError after a transaction was
# idle for too long.
DATABASE_LOST = (OperationalError, InterfaceError, InternalError)
# A job that was claimed more often is no longer given back for nothing, so that one which breaks every runner ends.
MOST_CLAIMS = 20
# Seconds until a job is tried again after a fault of the database or the disk, doubled with each attempt.
FAULT_SECONDS = 5
# Seconds until a job is tried again after a remote engine was too slow, doubled with each attempt. All attempts
# together take about as long as a job waits for a judge.
SLOW_SECONDS = 60
# Seconds until a job is tried again after the GPU failed or was full, doubled with each attempt.
GPU_SECONDS = 30
# Seconds until a job is tried again whose training method another worker can carry out.
ELSEWHERE_SECONDS = 30
# Seconds until a job is tried again whose judge or remote engine is set up wrongly.
MISCONFIGURED_SECONDS = 60
# Seconds until times are measured again on a machine that was never idle for long enough.
DISTURBED_SECONDS = 300


class Unfinished(RunnerTimeout):
    """A job reached its limit. `result` is what its learner sees of it; with `is_kept` a later attempt goes on."""

    def __init__(self, code: str, result: dict[str, Any] | None, *, is_kept: bool) -> None:
        super().__init__(code)
        self.code, self.result, self.is_kept = code, result, is_kept


class Failures:
    """Settles the failed evaluations of the worker `name`, which stops when `ending` is set."""

    def __init__(self, name: str, breaker: Breaker, ending: threading.Event) -> None:
        self.name, self.breaker, self.ending = name, breaker, ending

    def settle(
        self, evaluation: Evaluation, error: Exception, heartbeat: Heartbeat, remotes: Mapping[str, bool]
    ) -> None:
        """Records an error instead of a grade. If the database cannot be reached either, the lease expires.

        `remotes` is as for `local_model`.
        """
        try:
            self._record(evaluation, self._cause(evaluation, error, heartbeat, remotes))
        except LeaseLost:
            log.info("stopped", reason="lease lost")
        except DATABASE_LOST as lost:
            log.warning("database_away", reason=type(lost).__name__)
            connection.close()
        except Exception as fault:  # the lease expires, and another claim is tried
            log.exception("not_settled", reason=type(fault).__name__)

    def _cause(
        self, evaluation: Evaluation, error: Exception, heartbeat: Heartbeat, remotes: Mapping[str, bool]
    ) -> Exception:
        """The error that ended the job, or `RunnerBroken` if the runner is broken and the job is not the cause."""
        is_late = code_of(error) == "timeout"
        if is_late and heartbeat.paused():
            error = RunnerDied("the machine was paused")
        is_suspect = is_late or (isinstance(error, OF_THE_RUNNER) and not isinstance(error, RunnerTimeout))
        if not is_suspect or evaluation.fence > MOST_CLAIMS:
            return error

        def stop() -> bool:
            return heartbeat.lost.is_set() or self.ending.is_set()

        try:
            works = all(self.breaker.succeeds(model, stop) for model in needs(evaluation, remotes))
        except Stopped as stopped:
            return stopped
        return error if works else RunnerBroken()

    def _record(self, evaluation: Evaluation, error: Exception) -> None:
        key = (evaluation.pk, evaluation.fence)
        match error:
            case Stopped() | LeaseLost():
                may_go_back = self.ending.is_set() or gives_way(evaluation)
                released = may_go_back and services.release(*key)
                log.info("stopped", reason="back to the queue" if released else "cancelled or lease lost")
            case Postpone():
                services.postpone(*key, error.seconds, error.code)
            case JudgeMisconfigured():
                services.postpone(*key, MISCONFIGURED_SECONDS, "judge_misconfigured")
            case EngineMisconfigured():
                services.postpone(*key, MISCONFIGURED_SECONDS, "engine_misconfigured")
            case Disturbed():
                services.postpone(*key, DISTURBED_SECONDS, "not_idle")
            case Rejected(code="method_unavailable") if self._another_can(evaluation):
                services.postpone(*key, ELSEWHERE_SECONDS, "engine_misconfigured")
            case ProgrammingError() if evaluation.fence <= MOST_CLAIMS:
                services.postpone(*key, MISCONFIGURED_SECONDS, "engine_misconfigured")
            case RunnerBroken():
                services.release(*key, broken=True)
            case Unfinished(is_kept=True):
                log.info("grading_later", attempt=evaluation.attempt)
                services.retry(*key, after_seconds=0)
            case GpuFailed():
                log.warning("gpu_failed", reason=str(error), attempt=evaluation.attempt)
                services.retry(*key, after_seconds=GPU_SECONDS * 2**evaluation.attempt)
            case RunnerDied():
                log.warning("runner_died", attempt=evaluation.attempt)
                services.retry(*key)
            case EngineSlow():
                log.warning("engine_slow", attempt=evaluation.attempt)
                services.retry(*key, after_seconds=SLOW_SECONDS * 2**evaluation.attempt)
            case _ if isinstance(error, DATABASE_LOST) or stores.is_away(error):
                self._try_later(evaluation, error)
            case _:
                self._refuse(evaluation, error)

    def _another_can(self, evaluation: Evaluation) -> bool:
        """Whether a worker on another machine has what this one lacks for the job."""
        owner = evaluation.submission or evaluation.run
        assert owner is not None
        spec, payload = evaluation.version.parsed, payloads.parse(owner.payload)
        return services.another_can(spec, payload, evaluation.lane, worker=self.name)

    def _try_later(self, evaluation: Evaluation, error: Exception) -> None:
        """Queues the job again after an error of the database or the store of files, which is not the learner's fault.

        If only the reply to COMMIT was lost, the evaluation has ended already and the fenced update changes nothing.
        """
        log.warning("machine_fault", reason=type(error).__name__, attempt=evaluation.attempt)
        if not connection.in_atomic_block:
            connection.close()
        services.retry(evaluation.pk, evaluation.fence, after_seconds=FAULT_SECONDS * 2**evaluation.attempt)

    def _refuse(self, evaluation: Evaluation, error: Exception) -> None:
        code = code_of(error)
        if code == "internal":
            # The log gets the place but not the message, which may quote a hidden row.
            stack = "".join(traceback.format_tb(error.__traceback__))
            log.error("grading_failed", reason=type(error).__name__, stack=stack)
        result = error.result if isinstance(error, Unfinished) else None
        reject = services.hand_in_error if settings.WORKER_KEY else services.reject
        reject(evaluation.pk, evaluation.fence, code, result)


def advice_of(error: Exception) -> str:
    """What staff should know of an error that an endpoint or a setting caused; "" for all others."""
    match error:
        case Postpone():
            return error.advice
        case JudgeMisconfigured() | EngineMisconfigured():
            return str(error)
        case ProgrammingError():
            return (
                f"The database refuses a statement of this worker ({type(error.__cause__).__name__}). Install the web "
                "server's release on its machine, and run `manage.py migrate` on the web server."
            )
        case _:
            return ""


def code_of(error: Exception) -> str:
    """The error code of `gradus.submissions.states.CODES` for an exception of a job."""
    match error:
        case Rejected() | Unfinished():
            return error.code
        case WorkLimit():
            return "work_limit"
        case RunnerTimeout():
            return "timeout"
        case BundleMissing():
            return "bundle_missing"
        case _:
            return "internal"
