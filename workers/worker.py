"""The loop body of a worker: claim -> grade -> record. It knows the site by `workers.transport.site` alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from challenges.jobs import Job, Outcome
from challenges.kinds.base import WALL_FACTOR, Lane
from challenges.models.catalogue import MODELS
from challenges.overlap import overlap
from graders.base import Assignment, Grade
from workers import status
from workers.breaker import Breaker
from workers.embedding_store import EmbeddedOnce, PassageStore, Store
from workers.engine import hardware, model_files
from workers.execute import Memo, ShouldStop, clock_of, execute, expect_packages
from workers.failures import Failures, Unfinished, advice_of, code_of
from workers.grading import assignments, outcomes
from workers.grading.chats import WrittenTokens
from workers.grading.events import EventWriter
from workers.grading.hidden_row_timing import Pace
from workers.grading.kept_training import TrainedOnce, trained_once
from workers.grading.live_rows import LiveRows
from workers.grading.needs import local_model, seconds_of
from workers.heartbeat import Heartbeat
from workers.judge.contract import Postpone
from workers.remote.calls import EngineMisconfigured, EngineSlow
from workers.remote.drift import Checks
from workers.remote.engine import RemoteEngine, engines
from workers.sandbox.choosing import Choices
from workers.sandbox.supervisor import Runner, RunnerTimeout, Stopped
from workers.transport.site import Site

log = structlog.get_logger(__name__)
NICE = {"interactive": 0, "grade": 5, "judge": 5, "train": 10}
# Seconds without a job after which a lane's runner ends, so that its memory is free. A start takes a few seconds, which
# is little beside a training run. The runner of the lane `interactive` stays, because a learner waits for it.
IDLE_SECONDS = {"interactive": 0, "grade": 300, "judge": 300, "train": 60}
# How often a check that nobody waits for asks whether a learner waits for its worker.
GIVE_WAY_SECONDS = 1.0


def runner_of(lane: str, choices: Choices) -> Runner:
    """A runner with the lane's priority and threads, whose choices are kept in `choices`. It is not started yet."""
    return Runner(
        nice=NICE[lane],
        idle_seconds=IDLE_SECONDS[lane],
        threads=hardware.threads(lane),
        models_dir=str(model_files.models_dir()),
        choices=choices,
    )


class Worker:
    """Works on the jobs of one lane on this machine, with one resident runner.

    `gold` keeps the embeddings of gold answers, which only the lane `judge` needs; `judge` takes the place of the
    judge's client.
    """

    def __init__(
        self, lane: str, site: Site, *, runner: Runner | None = None, judge: Any = None, gold: Store | None = None
    ) -> None:
        self.lane, self.site = lane, site
        self.name = site.name_of(lane)
        self.runner = runner or runner_of(lane, site.choices)
        self.judge = judge
        self.embedded = EmbeddedOnce(self.runner, gold, PassageStore(), self.runner.worked)
        self.remotes, self.remote_fault = _remotes()
        kept = model_files.data_dir() / "remote-engines"
        self.checks = Checks(self.remotes if lane in status.NEEDS_MODEL else {}, kept)
        self.profile = status.profile(self.runner, self.elsewhere)
        self.memo = Memo()
        self.job: Job | None = None
        self.fault = self.remote_fault
        self.breaker = Breaker(self.runner)
        self.other_weights: dict[str, str] = {}
        if self.runner.device != "cpu" and lane in status.NEEDS_MODEL:
            # What keeps a GPU from working is found before a job is claimed.
            self.breaker.distrust(set(status.digests()).difference(self._not_here))
        self.ending = threading.Event()
        self.failures = Failures(self.name, site, self.breaker, self.ending)
        self._is_cold = lane == "interactive"

    @property
    def elsewhere(self) -> dict[str, bool]:
        """The base models that are served elsewhere, each with whether answers with adapters come from there too."""
        return {name: engine.folder is not None for name, engine in self.remotes.items()}

    @property
    def _not_here(self) -> Collection[str]:
        """The base models without which this machine can work on the lane: who trains needs all of them."""
        return () if self.lane == Lane.TRAIN else self.remotes

    def end(self) -> None:
        """Stops the worker; its job goes back to the queue and the attempt is not counted. Safe in a signal handler."""
        self.ending.set()

    @property
    def problem(self) -> str:
        """What keeps this worker from its work, for staff: all of it, or that with some base models; "" if nothing."""
        return self.stopped or " ".join(self._unusable().values()) or self.fault

    @property
    def stopped(self) -> str:
        """Why this worker claims nothing at all; "" if it claims."""
        broken, held = self.breaker.broken(), status.digests()
        if None in broken:
            return broken[None]
        if self.lane in status.NEEDS_MODEL and held and not self.remotes and all(name in broken for name in held):
            return " ".join(broken.values())
        is_without_files = bool(self.remotes) and self.lane != Lane.TRAIN
        return ("" if is_without_files else status.problem(self.lane)) or self.remote_fault

    def _unusable(self) -> dict[str, str]:
        """The base models that nothing is claimed for, each with the reason."""
        damaged = status.damaged() if self.lane in status.NEEDS_MODEL else {}
        reasons = [*self.other_weights.items(), *damaged.items(), *self.breaker.broken().items()]
        here = {name: why for name, why in reasons if name is not None and name not in self._not_here}
        return here | self.checks.closed()

    def step(self) -> bool:
        """Claims and grades one evaluation; returns whether there was one."""
        if self.ending.is_set():
            return False
        self._try_again()
        self._compare_weights()
        stopped = self.stopped
        if self.lane == "judge" and self.site.judging is not None and not stopped:
            self.report()
            self.site.judging.warm(self.embedded, lambda _: self.report(), self.ending.is_set)
        job = None if stopped else self._claim()
        if job is None:
            self.report()
            return False
        structlog.contextvars.bind_contextvars(evaluation=job.id, fence=job.fence, lane=self.lane, worker=self.name)
        try:
            self.report(job)
            self._grade(job)
        finally:
            structlog.contextvars.clear_contextvars()
            self.report()
        return True

    def report(self, job: Job | None = None) -> None:
        """Tells the site how this worker is, and which job it works on."""
        self.job = job
        self.site.report(status.report(self, busy_with=None if job is None else job.id))

    def _compare_weights(self) -> None:
        """Nothing is claimed with weights that differ from those of the workers that were here before."""
        found = status.other_weights(self.site, self.name) if self.lane in status.NEEDS_MODEL else {}
        if found and found != self.other_weights:
            log.warning("other_weights", models=sorted(found))
        self.other_weights = found

    def _claim(self) -> Job | None:
        return self.site.claim(self.lane, self.name, self.profile, self._unusable())

    def _try_again(self) -> None:
        """Carries out the trials of the runner and of remote engines that are due.

        The worker claims again after those that succeed.
        """
        with suppress(Stopped):
            self.checks.run(self.ending.is_set)
            self.breaker.try_again(self.ending.is_set)

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

    def _grade(self, job: Job) -> None:
        with Heartbeat(job, self.name, self.site) as heartbeat, EventWriter(job, self.site) as events:
            try:
                model = local_model(job, self.elsewhere)
                outcome = self._outcome(job, model, events, self._stop(job, heartbeat))
                self.site.record(job, outcome, events.take())
                if model is not None:
                    self.breaker.worked(model)
                log.info("recorded")
            except Exception as error:
                self.fault = self.site.refusal(error) or advice_of(error) or self.fault
                if isinstance(error, Postpone | EngineMisconfigured | EngineSlow):
                    self.checks.doubt(job.challenge.model)
                self.failures.settle(job, error, heartbeat, self.elsewhere)

    def _stop(self, job: Job, heartbeat: Heartbeat) -> ShouldStop:
        """A function that says whether the job must stop. What nobody waits for also stops for a learner who waits."""
        may_wait = job.gives_way
        asked = time.monotonic()

        def stop() -> bool:
            nonlocal asked
            if heartbeat.lost.is_set() or self.ending.is_set():
                return True
            if not may_wait or time.monotonic() - asked < GIVE_WAY_SECONDS:
                return False
            asked = time.monotonic()
            return self.site.learner_waits(self.lane, self.profile, self._unusable())

        return stop

    def _outcome(self, job: Job, model: str | None, events: EventWriter, stop: ShouldStop) -> Outcome:
        """Grades the job, for which the runner computes the base model `model`, if any, and stores its files.

        Raises whatever keeps it from a grade.
        """
        site, judge = self.site, None
        if job.is_lint and site.judging is not None:
            return site.judging.lint(job, self.embedded, stop)
        if job.of_kind.is_judged and site.judging is not None:
            judge = site.judging.judge_for(job, self.judge)
        with assignments.prepared(job, site) as assignment, trained_once(job, site) as once:
            choice = self._prepare(job, model, stop)
            grade = self._graded(job, assignment, judge, once, events, stop)
            self._note_judge_fault(judge)
            bundle = assignment.bundle
            outcome = outcomes.outcome(job, bundle, grade, site, overlap(bundle, assignment.payload))
        if grade.adapter_files:
            self.runner.forget()
        return replace(outcome, engine_choice=choice)

    def _prepare(self, job: Job, model: str | None, stop: ShouldStop) -> str:
        """Returns the digest of how the runner computes the base model, or "" without one.

        It is found or measured here, before the time limit of the job begins.

        Raises:
            EngineMisconfigured: this worker lacks what the job needs.
        """
        expect_packages(job.kind)
        if model is None:
            return ""
        self._expect_model(model)
        return self.runner.choose(model, should_stop=stop).digest

    def _expect_model(self, model: str) -> None:
        """Another worker may hold the model: the job goes back, and this worker's status says how to get it."""
        if model in status.digests():
            return
        if model in MODELS:
            how = f"Run `python -m workers.engine.fetch {model}` on its machine."
        else:
            how = "List it in the file that GRADUS_MODELS_FILE names, as the web server does, and restart the workers."
        raise EngineMisconfigured(f"This worker does not hold the base model {model}. {how}")

    def _graded(
        self,
        job: Job,
        assignment: Assignment,
        judge: Any,
        once: TrainedOnce,
        events: EventWriter,
        stop: ShouldStop,
    ) -> Grade:
        """Runs the grader within its limit. Raises `Unfinished` where the limit is over before the grade."""
        seconds = seconds_of(job, assignment)
        pace = Pace(stop, WALL_FACTOR * seconds, clock_of(self.remotes))
        rows = WrittenTokens() if assignment.chat is not None else LiveRows(assignment)
        try:
            grade = execute(
                assignments.grading(assignment, job, self.site),
                self.embedded,
                judge,
                on_event=lambda event: events.add(rows.read(event)),
                stop=stop,
                deadline_s=seconds,
                memo=self.memo,
                remotes=self.remotes,
                worked=self.runner.worked,
                around=(pace.around, rows.around, once.around),
            )
        except RunnerTimeout as error:
            result = outcomes.unfinished(job, len(assignment.bundle.public), rows.finished(), seconds)
            raise Unfinished(code_of(error), result, is_kept=once.keep()) from error
        return rows.completed(grade)

    def _note_judge_fault(self, judge: Any) -> None:
        """Remembers for the worker's status what is wrong with the judge's endpoint, if an endpoint was asked."""
        fault = getattr(judge, "fault", "")
        self.fault = self.fault if fault is None else fault

    def close(self) -> None:
        """Ends the runner and the connections to remote engines."""
        self.runner.close()
        for engine in self.remotes.values():
            engine.close()


def _remotes() -> tuple[dict[str, RemoteEngine], str]:
    """Remote engines by base model, and what is wrong with their settings; with a fault the worker claims nothing."""
    try:
        return engines(model_files.models_dir()), ""
    except EngineMisconfigured as error:
        return {}, str(error)
