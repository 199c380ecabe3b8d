"""The loop body of a worker: claim -> grade -> record. Called by the Celery task and by `manage.py work`."""

from __future__ import annotations

import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection

from challenges import kinds, payloads
from challenges.kinds.base import WALL_FACTOR, Kind, Lane
from challenges.models.catalogue import MODELS
from challenges.overlap import overlap
from graders.base import Assignment, Rejected
from graders.repeated import Disturbed
from gradus.courses.bundles import BundleMissing
from gradus.submissions import failpoints, queue, services
from gradus.submissions.models import Evaluation
from gradus.submissions.services.finish import LeaseLost
from workers import remote, status
from workers.breaker import OF_THE_RUNNER, Breaker, RunnerBroken
from workers.choices import Attributed, DatabaseChoices
from workers.engine import hardware
from workers.execute import Memo, baseline_seconds, execute, expect_packages, job_seconds
from workers.grading import assignments, kept_training, outcomes
from workers.grading.assignments import is_measurement, measured
from workers.grading.chats import WrittenTokens
from workers.grading.events import EventWriter
from workers.grading.hidden_row_timing import paced
from workers.grading.live_rows import LiveRows
from workers.heartbeat import Heartbeat
from workers.judge.contract import JudgeMisconfigured, Postpone
from workers.remote import EngineMisconfigured, EngineSlow, RemoteEngine
from workers.sandbox.supervisor import Runner, RunnerDied, RunnerTimeout, Stopped, WorkLimit
from workers.vectors import EmbeddedOnce, gold_store, passage_store

log = structlog.get_logger(__name__)
NICE = {"interactive": 0, "grade": 5, "judge": 5, "train": 10}
# Seconds without a job after which a lane's runner ends, so that its memory is free. A start takes a few seconds, which
# is little beside a training run. The runner of the lane `interactive` stays, because a learner waits for it.
IDLE_SECONDS = {"interactive": 0, "grade": 300, "judge": 300, "train": 60}
# The database cannot be reached or has ended the connection. PostgreSQL raises InternalError after a transaction was
# idle for too long.
DATABASE_LOST = (OperationalError, InterfaceError, InternalError)
# A job that was claimed more often is no longer given back for nothing, so that one which breaks every runner ends.
MOST_CLAIMS = 20
# How often a baseline checks whether a learner waits for its worker.
GIVE_WAY_SECONDS = 1.0
# Seconds until a job is tried again after a fault of the database or the disk, doubled with each attempt.
FAULT_SECONDS = 5
# Seconds until a job is tried again after a remote engine was too slow, doubled with each attempt. All attempts
# together take about as long as a job waits for a judge.
SLOW_SECONDS = 60
# Seconds until a job is tried again whose training method another worker can carry out.
ELSEWHERE_SECONDS = 30
# Seconds until times are measured again on a machine that was never idle for long enough.
DISTURBED_SECONDS = 300


def runner_of(lane: str) -> Runner:
    """A runner with the lane's priority and threads, whose choices are kept in the database. It is not started yet."""
    return Runner(
        nice=NICE[lane],
        idle_seconds=IDLE_SECONDS[lane],
        threads=settings.RUNNER_THREADS or hardware.threads(lane),
        models_dir=str(settings.DATA_DIR / "models"),
        choices=DatabaseChoices(),
    )


class Unfinished(RunnerTimeout):
    """A job reached its limit. `result` is what its learner sees of it; with `is_kept` a later attempt goes on."""

    def __init__(self, code: str, result: dict[str, Any] | None, *, is_kept: bool) -> None:
        super().__init__(code)
        self.code, self.result, self.is_kept = code, result, is_kept


class Worker:
    """Works on the evaluations of one lane on this machine, with one resident runner."""

    def __init__(self, lane: str, *, runner: Runner | None = None, judge: Any = None) -> None:
        self.lane = lane
        self.name = f"{socket.gethostname()}:{lane}:{os.getpid()}"
        self.runner = runner or runner_of(lane)
        self.judge = judge
        self.embedded = EmbeddedOnce(self.runner, gold_store(), passage_store(), self.runner.worked)
        self.remotes, self.remote_fault = _remotes()
        self.profile = status.profile(self.runner, sorted(self.remotes))
        self.memo = Memo()
        self.fault = self.remote_fault
        self.breaker = Breaker(self.runner)
        self.ending = threading.Event()
        self._is_cold = lane == "interactive"

    def end(self) -> None:
        """Stops the worker; its job goes back to the queue and the attempt is not counted. Safe in a signal handler."""
        self.ending.set()

    @property
    def problem(self) -> str:
        """What keeps this worker from its work, for staff: all of it, or that with some base models; "" if nothing."""
        return self._stopped() or " ".join(self._unusable().values()) or self.fault

    def _stopped(self) -> str:
        """Why this worker claims nothing at all; "" if it claims."""
        broken, held = self.breaker.broken(), status.digests()
        if None in broken:
            return broken[None]
        if self.lane in status.NEEDS_MODEL and held and not self.remotes and all(name in broken for name in held):
            return " ".join(broken.values())
        return status.problem(self.lane) or self.remote_fault

    def _unusable(self) -> dict[str, str]:
        """The base models that nothing is claimed for, each with the reason."""
        damaged = status.damaged() if self.lane in status.NEEDS_MODEL else {}
        found = [*damaged.items(), *self.breaker.broken().items()]
        elsewhere = () if self.lane == Lane.TRAIN else self.remotes
        return {name: why for name, why in found if name is not None and name not in elsewhere}

    def step(self) -> bool:
        """Claims and grades one evaluation; returns whether there was one."""
        if self.ending.is_set():
            return False
        self._try_again()
        stopped = self._stopped()
        if self.lane == "judge" and not stopped:
            status.report(self)
            self.embedded.warm(lambda _: status.report(self), self.ending.is_set)
        evaluation = None if stopped else self._claim()
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

    def _claim(self) -> Evaluation | None:
        return services.claim(self.lane, worker=self.name, profile=self.profile, without=self._unusable())

    def _try_again(self) -> None:
        """Carries out the trials of the runner that are due; the worker claims again after one that succeeds."""
        with suppress(Stopped):
            self.breaker.try_again(self.ending.is_set)

    def answer_bell(self) -> None:
        """Grades one evaluation and rings again if there may be more, so that other lanes get their turn in between."""
        if self.step():
            queue.ring(self.lane)
        else:
            self.warm()

    def warm(self) -> None:
        """Has the runner of the lane `interactive` load a base model before its first job, so that nobody waits for it.

        It is done once, when there is nothing to grade. A failure counts as one of which no job is the cause.
        """
        model = next((name for name in status.digests() if name not in self.remotes), None)
        if not self._is_cold or model is None or self.ending.is_set():
            return
        self._is_cold = False
        try:
            self.breaker.succeeds(model, self.ending.is_set)
        except Exception as error:  # any error: none of them may end the worker
            log.info("not_warmed", model=model, reason=type(error).__name__)

    def _grade(self, evaluation: Evaluation) -> None:
        key = (evaluation.pk, evaluation.fence)
        with Heartbeat(*key) as heartbeat, EventWriter(*key) as events:
            try:
                outcome = self._outcome(evaluation, events, self._stop(evaluation, heartbeat))
                failpoints.reach("grade.computed")
                services.record(*key, outcome, events.take())
                self._note_success(evaluation)
                log.info("recorded")
            except Exception as error:
                self._settle(evaluation, error, heartbeat)

    def _note_success(self, evaluation: Evaluation) -> None:
        """Ends the failures in a row with the job's base model. Without one, a job may not have needed the runner."""
        model = self._computed(evaluation)
        if model is not None:
            self.breaker.worked(model)

    def _stop(self, evaluation: Evaluation, heartbeat: Heartbeat) -> Callable[[], bool]:
        """A function that says whether the job must stop. What nobody waits for also stops for a learner who waits."""
        gives_way = _gives_way(evaluation)
        asked = time.monotonic()

        def stop() -> bool:
            nonlocal asked
            if heartbeat.lost.is_set() or self.ending.is_set():
                return True
            if not gives_way or time.monotonic() - asked < GIVE_WAY_SECONDS:
                return False
            asked = time.monotonic()
            return services.learner_waits(self.lane, self.profile, self._unusable())

        return stop

    def _outcome(self, evaluation: Evaluation, events: EventWriter, stop: Callable[[], bool]) -> services.Outcome:
        failpoints.reach("grade.started")
        judge = assignments.judge_for(evaluation, self.judge)
        with assignments.prepared(evaluation) as assignment:
            expect_packages(assignment.payload.kind)
            if kinds.find(assignment.payload.kind).asks_model(assignment.bundle.challenge):
                self._prepare(assignment.bundle.challenge.model, stop)
            seconds = _seconds(evaluation, assignment)
            rows = WrittenTokens() if assignment.chat is not None else LiveRows(assignment)
            graded = rows.followed(measured(assignments.grading(assignment), assignment, evaluation))
            with kept_training.once(self.embedded, evaluation) as once:
                runner = Attributed(once, self.runner)
                try:
                    grade = execute(
                        paced(graded, stop, WALL_FACTOR * seconds),
                        runner,
                        judge,
                        on_event=lambda event: _add(events, rows.read(event)),
                        stop=stop,
                        deadline_s=seconds,
                        memo=self.memo,
                        remotes=self.remotes,
                        worked=self.runner.worked,
                    )
                except RunnerTimeout as error:
                    result = outcomes.unfinished(evaluation, rows.finished(), seconds)
                    raise Unfinished(code_of(error), result, is_kept=once.keep()) from error
                self._note_judge_fault(judge)
                held = overlap(assignment.bundle, assignment.payload)
                found = replace(outcomes.outcome(evaluation, grade, held), engine_choice=runner.digest)
        if grade.adapter_files:
            self.runner.forget()
        return found

    def _prepare(self, model: str | None, stop: Callable[[], bool]) -> None:
        """Has the base model's choice found or measured before the time limit of the job begins."""
        self._need(model)
        if model is not None and model not in self.remotes:
            self.runner.choose(model, should_stop=stop)

    def _need(self, model: str | None) -> None:
        """Another worker may hold the model: the job goes back, and this worker's status says how to get it."""
        if model is None or model in self.remotes or model in status.digests():
            return
        if model in MODELS:
            how = f"Run `python -m workers.engine.fetch {model}` on its machine."
        else:
            how = "List it in the file that GRADUS_MODELS_FILE names, as the web server does, and restart the workers."
        raise EngineMisconfigured(f"This worker does not hold the base model {model}. {how}")

    def _note_judge_fault(self, judge: Any) -> None:
        """Remembers for the worker's status what is wrong with the judge's endpoint, if an endpoint was asked."""
        fault = getattr(judge, "fault", "")
        self.fault = self.fault if fault is None else fault

    def _settle(self, evaluation: Evaluation, error: Exception, heartbeat: Heartbeat) -> None:
        """Records an error instead of a grade. If the database cannot be reached either, the lease expires."""
        try:
            self._tell(evaluation, self._cause(evaluation, error, heartbeat))
        except LeaseLost:
            log.info("stopped", reason="lease lost")
        except DATABASE_LOST as lost:
            log.warning("database_away", reason=type(lost).__name__)
            connection.close()

    def _cause(self, evaluation: Evaluation, error: Exception, heartbeat: Heartbeat) -> Exception:
        """The error that ended the job, or `RunnerBroken` if the runner is broken and the job is not the cause."""
        is_late = code_of(error) == "timeout"
        if is_late and heartbeat.paused():
            error = RunnerDied("the machine was paused")
        suspect = is_late or (isinstance(error, OF_THE_RUNNER) and not isinstance(error, RunnerTimeout))
        if not suspect or evaluation.fence > MOST_CLAIMS:
            return error

        def stop() -> bool:
            return heartbeat.lost.is_set() or self.ending.is_set()

        try:
            works = all(self.breaker.succeeds(model, stop) for model in self._needs(evaluation))
        except Stopped as stopped:
            return stopped
        return error if works else RunnerBroken()

    def _needs(self, evaluation: Evaluation) -> list[str | None]:
        """What the runner needs for the job: a base model that it computes itself, and None for work without one."""
        spec, kind, model = evaluation.version.parsed, _kind(evaluation), self._computed(evaluation)
        is_without = spec.model is None or not kind.asks_model(spec) or kind.has_documents
        return [*([] if model is None else [model]), *([None] if is_without else [])]

    def _computed(self, evaluation: Evaluation) -> str | None:
        """The base model that this worker's runner computes for the job, or None where it asks none or a remote engine.

        Training happens here also where answers come from elsewhere.
        """
        spec, kind = evaluation.version.parsed, _kind(evaluation)
        is_here = kind.asks_model(spec) and (kind.is_trained or spec.model not in self.remotes)
        return spec.model if is_here else None

    def _tell(self, evaluation: Evaluation, error: Exception) -> None:
        key = (evaluation.pk, evaluation.fence)
        match error:
            case Stopped() | LeaseLost():
                may_go_back = self.ending.is_set() or _gives_way(evaluation)
                released = may_go_back and services.release(*key)
                log.info("stopped", reason="back to the queue" if released else "cancelled or lease lost")
            case Postpone():
                self.fault = error.advice or self.fault
                services.postpone(*key, error.seconds, error.code)
            case JudgeMisconfigured() | EngineMisconfigured():
                self.fault = str(error)
                is_judge = isinstance(error, JudgeMisconfigured)
                services.postpone(*key, 60, "judge_misconfigured" if is_judge else "engine_misconfigured")
            case Disturbed():
                services.postpone(*key, DISTURBED_SECONDS, "not_idle")
            case Rejected(code="method_unavailable") if self._another_can(evaluation):
                services.postpone(*key, ELSEWHERE_SECONDS, "engine_misconfigured")
            case RunnerBroken():
                services.release(*key, broken=True)
            case Unfinished(is_kept=True):
                log.info("grading_later", attempt=evaluation.attempt)
                services.retry(*key, after_seconds=0)
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

    def _another_can(self, evaluation: Evaluation) -> bool:
        """Whether a worker on another machine has what this one lacks for the job."""
        owner = evaluation.submission or evaluation.run
        assert owner is not None
        spec, payload = evaluation.version.parsed, payloads.parse(owner.payload)
        return services.another_can(spec, payload, evaluation.lane, worker=self.name)

    def _try_later(self, evaluation: Evaluation, error: Exception) -> None:
        """Queues the job again after an error of the database or the disk, which is not the learner's fault.

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
        services.reject(evaluation.pk, evaluation.fence, code, result)

    def close(self) -> None:
        """Ends the runner."""
        self.runner.close()


def _add(events: EventWriter, event: dict[str, Any] | None) -> None:
    if event is not None:
        events.add(event)


def _kind(evaluation: Evaluation) -> Kind:
    """The kind of what was submitted or run."""
    owner = evaluation.submission or evaluation.run
    assert owner is not None
    return kinds.find(owner.kind)


def _gives_way(evaluation: Evaluation) -> bool:
    return outcomes.is_baseline(evaluation) or is_measurement(evaluation)


def _seconds(evaluation: Evaluation, assignment: Assignment) -> float:
    if _gives_way(evaluation):
        return baseline_seconds(assignment.bundle.challenge, assignment.payload)
    return job_seconds(assignment)


def _remotes() -> tuple[dict[str, RemoteEngine], str]:
    """Remote engines by base model, and what is wrong with their settings; with a fault the worker claims nothing."""
    try:
        return remote.engines(), ""
    except EngineMisconfigured as error:
        return {}, str(error)


def code_of(error: Exception) -> str:
    """The error code of `gradus.submissions.states` for an exception of a job."""
    match error:
        case Rejected():
            return error.code
        case Unfinished():
            return error.code
        case WorkLimit():
            return "work_limit"
        case RunnerTimeout():
            return "timeout"
        case BundleMissing():
            return "bundle_missing"
        case _:
            return "internal"


_residents: dict[str, Worker] = {}
# The judge lane runs several threads, which share one worker and one runner.
_making = threading.Lock()


def end_residents() -> None:
    """Stops all workers of this process. It takes no lock, because the interrupted thread may hold it."""
    for worker in list(_residents.values()):
        worker.end()


def resident(lane: str) -> Worker:
    """This process's worker of the lane. It is made on first use, because Celery forks its processes first."""
    with _making:
        if lane not in _residents:
            _residents[lane] = Worker(lane)
        return _residents[lane]
