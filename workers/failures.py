"""Decides what becomes of an evaluation whose grading raised an error: refused, tried again, or given back.

A learner's own mistake ends the evaluation. A fault of the machine, of the site or of an endpoint costs no learner
an attempt at a submission: the evaluation waits and is graded again.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Mapping
from typing import Any

import structlog

from challenges.jobs import BundleMissing, Job, LeaseLost
from graders.base import Rejected
from graders.request_costs import Disturbed
from workers.breaker import OF_THE_RUNNER, Breaker, RunnerBroken
from workers.grading.needs import needs
from workers.heartbeat import Heartbeat
from workers.judge.contract import JudgeMisconfigured, Postpone
from workers.remote.calls import EngineMisconfigured, EngineSlow
from workers.sandbox.supervisor import GpuFailed, RunnerDied, RunnerTimeout, Stopped, WorkLimit
from workers.transport.site import Site

log = structlog.get_logger(__name__)
# A job that was claimed more often is no longer given back for nothing, so that one which breaks every runner ends.
MOST_CLAIMS = 20
# Seconds until a job is tried again after a fault of the site or the disk, doubled with each attempt.
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
# Seconds until a job is tried again whose runner died.
DIED_SECONDS = 2
# Seconds until times are measured again on a machine that was never idle for long enough.
DISTURBED_SECONDS = 300


class Unfinished(RunnerTimeout):
    """A job reached its limit. `result` is what its learner sees of it; with `is_kept` a later attempt goes on."""

    def __init__(self, code: str, result: dict[str, Any] | None, *, is_kept: bool) -> None:
        super().__init__(code)
        self.code, self.result, self.is_kept = code, result, is_kept


class Failures:
    """Settles the failed jobs of the worker `name`, which stops when `ending` is set."""

    def __init__(self, name: str, site: Site, breaker: Breaker, ending: threading.Event) -> None:
        self.name, self.site, self.breaker, self.ending = name, site, breaker, ending

    def settle(self, job: Job, error: Exception, heartbeat: Heartbeat, remotes: Mapping[str, bool]) -> None:
        """Records an error instead of a grade. If the site cannot be reached either, the lease expires.

        `remotes` is as for `local_model`.
        """
        try:
            self._record(job, self._cause(job, error, heartbeat, remotes))
        except LeaseLost:
            log.info("stopped", reason="lease lost")
        except Exception as fault:  # the lease expires, and another claim is tried
            if self.site.is_away(fault):
                log.warning("site_away", reason=type(fault).__name__)
                self.site.hang_up()
            else:
                log.exception("not_settled", reason=type(fault).__name__)

    def _cause(self, job: Job, error: Exception, heartbeat: Heartbeat, remotes: Mapping[str, bool]) -> Exception:
        """The error that ended the job, or `RunnerBroken` if the runner is broken and the job is not the cause."""
        is_late = code_of(error) == "timeout"
        if is_late and heartbeat.paused():
            error = RunnerDied("the machine was paused")
        is_suspect = is_late or (isinstance(error, OF_THE_RUNNER) and not isinstance(error, RunnerTimeout))
        if not is_suspect or job.fence > MOST_CLAIMS:
            return error

        def stop() -> bool:
            return heartbeat.lost.is_set() or self.ending.is_set()

        try:
            works = all(self.breaker.succeeds(model, stop) for model in needs(job, remotes))
        except Stopped as stopped:
            return stopped
        return error if works else RunnerBroken()

    def _record(self, job: Job, error: Exception) -> None:
        site = self.site
        match error:
            case Stopped() | LeaseLost():
                may_go_back = self.ending.is_set() or job.gives_way
                released = may_go_back and site.give_back(job)
                log.info("stopped", reason="back to the queue" if released else "cancelled or lease lost")
            case Postpone():
                site.postpone(job, error.seconds, error.code)
            case JudgeMisconfigured():
                site.postpone(job, MISCONFIGURED_SECONDS, "judge_misconfigured")
            case EngineMisconfigured():
                site.postpone(job, MISCONFIGURED_SECONDS, "engine_misconfigured")
            case Disturbed():
                site.postpone(job, DISTURBED_SECONDS, "not_idle")
            case Rejected(code="method_unavailable") if site.another_can(job, self.name):
                site.postpone(job, ELSEWHERE_SECONDS, "engine_misconfigured")
            case RunnerBroken():
                site.give_back(job, broken=True)
            case Unfinished(is_kept=True):
                log.info("grading_later", attempt=job.attempt)
                site.retry(job, 0)
            case GpuFailed():
                log.warning("gpu_failed", reason=str(error), attempt=job.attempt)
                site.retry(job, GPU_SECONDS * 2**job.attempt)
            case RunnerDied():
                log.warning("runner_died", attempt=job.attempt)
                site.retry(job, DIED_SECONDS)
            case EngineSlow():
                log.warning("engine_slow", attempt=job.attempt)
                site.retry(job, SLOW_SECONDS * 2**job.attempt)
            case _ if site.refusal(error) and job.fence <= MOST_CLAIMS:
                site.postpone(job, MISCONFIGURED_SECONDS, "engine_misconfigured")
            case _ if site.is_away(error):
                log.warning("machine_fault", reason=type(error).__name__, attempt=job.attempt)
                site.hang_up()
                site.retry(job, FAULT_SECONDS * 2**job.attempt)
            case _:
                self._refuse(job, error)

    def _refuse(self, job: Job, error: Exception) -> None:
        code = code_of(error)
        if code == "internal":
            # The log gets the place but not the message, which may quote a hidden row.
            stack = "".join(traceback.format_tb(error.__traceback__))
            log.error("grading_failed", reason=type(error).__name__, stack=stack)
        self.site.reject(job, code, error.result if isinstance(error, Unfinished) else None)


def advice_of(error: Exception) -> str:
    """What staff should know of an error that an endpoint or a setting caused; "" for all others."""
    match error:
        case Postpone():
            return error.advice
        case JudgeMisconfigured() | EngineMisconfigured():
            return str(error)
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
