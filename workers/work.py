"""The loop body of a worker: claim -> grade -> record. Called by the Celery task and by `manage.py work`."""

from __future__ import annotations

import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection

from challenges.overlap import overlap
from graders.base import Assignment, Rejected
from gradus.courses.bundles import BundleMissing
from gradus.submissions import bell, failpoints, services
from gradus.submissions.models import Evaluation
from gradus.submissions.services.finish import LeaseLost
from workers import assignments, job_limits, outcomes, remote, status
from workers.engine import hardware
from workers.events import EventWriter
from workers.execute import Memo, execute
from workers.gold_vectors import GoldVectors
from workers.heartbeat import Heartbeat
from workers.judge.contract import JudgeMisconfigured, Postpone
from workers.pace import paced
from workers.remote import EngineMisconfigured, EngineSlow, RemoteEngine
from workers.sandbox.supervisor import Runner, RunnerDied, RunnerTimeout, Stopped

log = structlog.get_logger(__name__)
NICE = {"interactive": 0, "grade": 5, "judge": 5, "train": 10}
# An InternalError is how PostgreSQL tells that it has ended a transaction which was idle for too long.
AWAY = (OperationalError, InterfaceError, InternalError)
# How often a baseline looks whether a learner waits for its worker.
GIVE_WAY_SECONDS = 1.0
# After a fault of the database or the disk; doubled with each attempt.
FAULT_SECONDS = 5
# After a remote engine was too slow; doubled likewise: five attempts take about as long as a judge is waited for.
SLOW_SECONDS = 60


class Worker:
    """One lane on this machine, with one resident runner."""

    def __init__(self, lane: str, *, runner: Runner | None = None, judge: Any = None) -> None:
        self.lane = lane
        self.name = f"{socket.gethostname()}:{lane}:{os.getpid()}"
        self.runner = runner or Runner(
            nice=NICE[lane],
            threads=settings.RUNNER_THREADS or hardware.threads(lane),
            models_dir=str(settings.DATA_DIR / "models"),
        )
        self.judge = judge
        self.gold = GoldVectors(self.runner)
        self.remotes, self.remote_fault = _remotes()
        self.profile = status.profile(self.runner, sorted(self.remotes))
        self.memo = Memo()
        self.fault = self.remote_fault
        self.ending = threading.Event()

    def end(self) -> None:
        """A deploy: the job at hand goes back to the queue, its attempt not counted. Safe in a signal handler."""
        self.ending.set()

    def step(self) -> bool:
        """Does one evaluation, if there is one; says whether there was."""
        if self.ending.is_set():
            return False
        problem = status.problem(self.lane) or self.remote_fault
        if self.lane == "judge" and not problem:
            status.report(self)
            self.gold.warm(lambda _: status.report(self), self.ending.is_set)
        evaluation = None if problem else services.claim(self.lane, worker=self.name, profile=self.profile)
        if evaluation is None:
            status.report(self)
            return False
        structlog.contextvars.bind_contextvars(
            evaluation=evaluation.pk, fence=evaluation.fence, lane=self.lane, worker=self.name
        )
        try:
            status.report(self, busy_with=evaluation.pk)
            self._grade(evaluation)
        finally:
            structlog.contextvars.clear_contextvars()
            status.report(self)
        return True

    def answer_bell(self) -> None:
        """One evaluation; rings again if there may be more, so that other lanes' bells get their turn."""
        if self.step():
            bell.ring(self.lane)

    def _grade(self, evaluation: Evaluation) -> None:
        key = (evaluation.pk, evaluation.fence)
        with Heartbeat(*key) as heartbeat, EventWriter(*key) as events:
            try:
                outcome = self._outcome(evaluation, events, self._stop(evaluation, heartbeat))
                failpoints.reach("grade.computed")
                services.record(*key, outcome, events.take())
                log.info("recorded")
            except Exception as error:
                paused = isinstance(error, RunnerTimeout) and heartbeat.paused()
                self._settle(evaluation, RunnerDied("the machine was paused") if paused else error)

    def _stop(self, evaluation: Evaluation, heartbeat: Heartbeat) -> Callable[[], bool]:
        """Asked between and within work items. A baseline also makes way for a learner who waits."""
        gives_way = outcomes.is_baseline(evaluation)
        asked = time.monotonic()

        def stop() -> bool:
            nonlocal asked
            if heartbeat.lost.is_set() or self.ending.is_set():
                return True
            if not gives_way or time.monotonic() - asked < GIVE_WAY_SECONDS:
                return False
            asked = time.monotonic()
            return services.learner_waits(self.lane, self.profile)

        return stop

    def _outcome(self, evaluation: Evaluation, events: EventWriter, stop: Callable[[], bool]) -> services.Outcome:
        failpoints.reach("grade.started")
        judge = assignments.judge_for(evaluation, self.judge)
        with assignments.prepared(evaluation) as assignment:
            seconds = _seconds(evaluation, assignment)
            grade = execute(
                paced(assignments.grading(assignment), stop, seconds),
                self.gold,
                judge,
                on_event=events.add,
                stop=stop,
                deadline_s=seconds,
                memo=self.memo,
                remotes=self.remotes,
            )
            self._note(judge)
            held = overlap(assignment.bundle, assignment.payload)
            return outcomes.outcome(evaluation, grade, held)

    def _note(self, judge: Any) -> None:
        """What the judge's endpoint wants mended; nothing new where the job asked no endpoint."""
        fault = getattr(judge, "fault", "")
        self.fault = self.fault if fault is None else fault

    def _settle(self, evaluation: Evaluation, error: Exception) -> None:
        """Tells the database what came instead of a grade. Where it is away itself, the lease runs out."""
        try:
            self._tell(evaluation, error)
        except LeaseLost:
            log.info("stopped", reason="lease lost")
        except AWAY as away:
            log.warning("database_away", reason=type(away).__name__)
            connection.close()

    def _tell(self, evaluation: Evaluation, error: Exception) -> None:
        key = (evaluation.pk, evaluation.fence)
        match error:
            case Stopped() | LeaseLost():
                may_go_back = self.ending.is_set() or outcomes.is_baseline(evaluation)
                released = may_go_back and services.release(*key)
                log.info("stopped", reason="back to the queue" if released else "cancelled or lease lost")
            case Postpone():
                self.fault = error.advice or self.fault
                services.postpone(*key, error.seconds, error.code)
            case JudgeMisconfigured() | EngineMisconfigured():
                self.fault = str(error)
                is_judge = isinstance(error, JudgeMisconfigured)
                services.postpone(*key, 60, "judge_misconfigured" if is_judge else "engine_misconfigured")
            case RunnerDied():
                log.warning("runner_died", attempt=evaluation.attempt)
                services.retry(*key)
            case EngineSlow():
                log.warning("engine_slow", attempt=evaluation.attempt)
                services.retry(*key, after_seconds=SLOW_SECONDS * 2**evaluation.attempt)
            case OperationalError() | InterfaceError() | InternalError() | OSError():
                self._try_later(evaluation, error)
            case _:
                self._refuse(evaluation, error)

    def _try_later(self, evaluation: Evaluation, error: Exception) -> None:
        """Database or disk: not the learner's fault, and it may pass.

        Where only the reply to COMMIT was lost, the fenced update finds nothing that still runs, and changes nothing.
        """
        log.warning("machine_fault", reason=type(error).__name__, attempt=evaluation.attempt)
        if not connection.in_atomic_block:
            connection.close()
        services.retry(evaluation.pk, evaluation.fence, after_seconds=FAULT_SECONDS * 2**evaluation.attempt)

    def _refuse(self, evaluation: Evaluation, error: Exception) -> None:
        code = code_of(error)
        if code == "internal":
            # Where, but not the message: it may quote a hidden row.
            stack = "".join(traceback.format_tb(error.__traceback__))
            log.error("grading_failed", reason=type(error).__name__, stack=stack)
        services.reject(evaluation.pk, evaluation.fence, code)

    def close(self) -> None:
        self.runner.close()


def _seconds(evaluation: Evaluation, assignment: Assignment) -> float:
    if outcomes.is_baseline(evaluation):
        return job_limits.baseline_seconds(assignment.bundle.challenge, assignment.payload)
    return job_limits.job_seconds(assignment)


def _remotes() -> tuple[dict[str, RemoteEngine], str]:
    """Engines by base model, and what is wrong with their settings: then this worker claims nothing."""
    try:
        return remote.engines(), ""
    except EngineMisconfigured as error:
        return {}, str(error)


def code_of(error: Exception) -> str:
    match error:
        case Rejected():
            return error.code
        case RunnerTimeout():
            return "timeout"
        case BundleMissing():
            return "bundle_missing"
        case _:
            return "internal"


_residents: dict[str, Worker] = {}
# The judge's lane answers bells in several threads; they share one worker and one runner.
_making = threading.Lock()


def end_residents() -> None:
    """A deploy. Safe in a signal handler: the lock may be held by the very thread that was interrupted."""
    for worker in list(_residents.values()):
        worker.end()


def resident(lane: str) -> Worker:
    """The process's worker of the lane; made on first use, because Celery forks before it works."""
    with _making:
        if lane not in _residents:
            _residents[lane] = Worker(lane)
        return _residents[lane]
