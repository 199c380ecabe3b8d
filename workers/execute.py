"""Carries out the work items that a grader yields, until the grader returns its grade."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Protocol

import structlog

from challenges.distribution import install
from challenges.kinds import registry as kinds
from challenges.kinds.base import WALL_FACTOR
from challenges.models import tokens
from challenges.payloads import Submitted
from challenges.spec import Challenge
from graders.base import (
    CALIBRATE,
    Assignment,
    Count,
    Counted,
    Generate,
    Generated,
    Grade,
    Grading,
    Judge,
    Judged,
    Result,
    Score,
    Scored,
    Trained,
    WorkItem,
)
from workers.remote.calls import EngineMisconfigured
from workers.sandbox.supervisor import RunnerTimeout, Stopped, WorkLimit

log = structlog.get_logger(__name__)

JOB = "job"
NO_REMOTES: Mapping[str, Any] = MappingProxyType({})


OnEvent = Callable[[dict[str, Any]], None]
ShouldStop = Callable[[], bool]
CarryOut = Callable[[WorkItem], Result]


class Around(Protocol):
    """What is done before and after an item; it may also carry out another item, or none where it knows the result."""

    def __call__(self, item: WorkItem, carry_out: CarryOut) -> Result: ...


class Remote(Protocol):
    """Carries out `Score` and `Generate` items of one base model on another machine; see `workers.remote.engine`."""

    @property
    def waited(self) -> float:
        """Seconds in which items have only waited for other workers."""

    def takes(self, adapter: str) -> bool: ...

    def run(
        self, item: Score | Generate, *, on_event: OnEvent, should_stop: ShouldStop, seconds: float
    ) -> Scored | Generated: ...


class Running(Protocol):
    """Carries out all items that need a local model; see `workers.sandbox.supervisor.Runner`."""

    def run(self, item: Any, *, on_event: OnEvent, should_stop: ShouldStop, seconds: float) -> Any: ...


class Judging(Protocol):
    """Answers `Judge` items; see `workers.judge.client.JudgeClient`."""

    def judge(self, item: Judge) -> Judged: ...


def execute(
    grading: Grading,
    runner: Running,
    judge: Judging | None,
    on_event: OnEvent,
    stop: ShouldStop,
    deadline_s: float,
    memo: Memo | None = None,
    remotes: Mapping[str, Remote] = NO_REMOTES,
    worked: Callable[[], float] = time.monotonic,
    around: Sequence[Around] = (),
) -> Grade:
    """Runs a grader until it returns its `Grade`, within `deadline_s` seconds of work for the whole job.

    `worked` is the clock of the runner's work; see `Runner.worked`. What a remote engine takes counts as work, and what
    a judge takes does not. By the wall clock the job may take `WALL_FACTOR` times as long, see `clock_of`.

    An item that names the adapter `job` gets the adapter that this grading has trained, never one of another job.
    `memo` keeps the results of calibration items from job to job; results about hidden rows are never kept. `remotes`
    maps base models to remote engines; training always goes to `runner`, and so do items with an adapter that the
    engine of their model does not take. `around` are called with each item, the first one outermost.

    Raises:
        WorkLimit: all the work of the limit was done.
        RunnerTimeout: the time is over by the wall clock.
        Stopped: `stop` returned true between two items.
        Exception: whatever `runner`, `judge`, a remote engine or one of `around` raises.
    """
    limit = _Limit(deadline_s, stop, clock_of(remotes))
    job = _Job(runner, judge, remotes, on_event, memo or Memo(0), worked, limit)
    carry_out = surrounded(job.carry_out, around)
    result: Result | None = None
    try:
        while True:
            result = carry_out(grading.send(result))
            if isinstance(result, Trained):
                job.adapter = result.files
    except StopIteration as finished:
        grade: Grade = finished.value
        return grade
    finally:
        grading.close()


def surrounded(carry_out: CarryOut, around: Sequence[Around]) -> CarryOut:
    """Puts what each of `around` does before and after an item around `carry_out`, the first one outermost."""
    for one in reversed(around):
        carry_out = partial(one, carry_out=carry_out)
    return carry_out


class Memo:
    """Caches the newest calibration results by work item: a prompt's label bias is the same each time."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._kept: OrderedDict[WorkItem, Result] = OrderedDict()

    def get(self, item: WorkItem) -> Result | None:
        """The cached result of a calibration item; None for all other items."""
        return self._kept.get(item) if _is_calibration(item) else None

    def put(self, item: WorkItem, result: Result) -> None:
        """Caches the result if the item is a calibration item, and drops the oldest results beyond `size`."""
        if _is_calibration(item):
            self._kept[item] = result
            self._kept.move_to_end(item)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def clock_of(remotes: Mapping[str, Remote]) -> Callable[[], float]:
    """The wall clock, in seconds, which stands still while an item of a remote engine only waits for other workers."""
    return lambda: time.monotonic() - sum(remote.waited for remote in remotes.values())


class _Limit:
    """What is left of a job's limit, in seconds of work, and by `clock`."""

    def __init__(self, seconds: float, stop: Callable[[], bool], clock: Callable[[], float]) -> None:
        self.left, self.clock = seconds, clock
        self._stop = stop
        self._end = clock() + WALL_FACTOR * seconds

    def stop(self) -> bool:
        """Whether the job must stop. Raises RunnerTimeout where its time is over by the wall clock."""
        if self.clock() >= self._end:
            raise RunnerTimeout
        return self._stop()

    def check(self) -> None:
        """Raises WorkLimit where no work is left."""
        if self.left <= 0:
            raise WorkLimit

    @contextmanager
    def counting(self, clock: Callable[[], float]) -> Iterator[None]:
        """Takes what passes by `clock` meanwhile from what is left."""
        began = clock()
        try:
            yield
        finally:
            self.left -= clock() - began


def _is_calibration(item: WorkItem) -> bool:
    return isinstance(item, Score) and item.stage == CALIBRATE and item.adapter is None


@dataclass
class _Job:
    """What carries out the items of one grading. `adapter` is the folder of what the grading has trained."""

    runner: Running
    judge: Judging | None
    remotes: Mapping[str, Remote]
    on_event: OnEvent
    memo: Memo
    worked: Callable[[], float]
    limit: _Limit
    adapter: str | None = None

    def carry_out(self, item: WorkItem) -> Result:
        if self.limit.stop():
            raise Stopped
        self.limit.check()
        result = self.memo.get(item) or self._computed(_with_adapter(item, self.adapter))
        self.memo.put(item, result)
        return result

    def _computed(self, item: WorkItem) -> Result:
        if isinstance(item, Judge):
            return self.judge.judge(item) if self.judge is not None else Judged(None, "no judge")
        if isinstance(item, Count):
            return count(item)
        remote = self._remote(item)
        with self.limit.counting(self.worked if remote is None else self.limit.clock):
            way: Any = remote or self.runner
            result: Result = way.run(item, on_event=self.on_event, should_stop=self.limit.stop, seconds=self.limit.left)
        log.info("work_item", kind=type(item).__name__, engine_s=round(getattr(result, "seconds", 0.0), 4))
        return result

    def _remote(self, item: WorkItem) -> Remote | None:
        remote = self.remotes.get(item.model) if isinstance(item, Score | Generate) else None
        if remote is None or not isinstance(item, Score | Generate):
            return None
        return remote if item.adapter is None or remote.takes(item.adapter) else None


def _with_adapter(item: WorkItem, adapter: str | None) -> WorkItem:
    if not isinstance(item, Score | Generate) or item.adapter != JOB:
        return item
    if adapter is None:
        raise ValueError("the grader asks for its adapter before it has trained one")
    return replace(item, adapter=adapter)


def expect_packages(kind: str) -> None:
    """Raises `EngineMisconfigured`, which names what is missing and how to install it."""
    missing = [f"`{name}`" for name in kinds.find(kind).packages if find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise EngineMisconfigured(
            f"{names} cannot be imported on this worker. Run: {install('worker')}, and restart the workers."
        )


def count(item: Count) -> Counted:
    """Raises `EngineMisconfigured`, which says what to do, where the tokenizer is not on this machine."""
    counter = tokens.counter(item.model)
    if counter is None:
        raise EngineMisconfigured(
            f"This worker does not hold the tokenizer of {item.model}, with which the challenge counts tokens. "
            f"Run `manage.py fetch_models {item.model}` on its machine."
        )
    return Counted(counter(item.text))


# A baseline is run to learn its score, not its speed: a slower machine is no reason to fail it.
BASELINE_FACTOR = 6.0


def job_seconds(assignment: Assignment) -> float:
    """The limit of a whole job of a learner: a trial's, or a submission's with its hidden rows."""
    kind, challenge = kinds.find(assignment.payload.kind), assignment.bundle.challenge
    return kind.seconds(challenge) if assignment.hidden else kind.trial_seconds(challenge, assignment.payload)


def baseline_seconds(challenge: Challenge, payload: Submitted) -> float:
    """The limit of a baseline, both on a server and on an author's machine."""
    return BASELINE_FACTOR * kinds.find(payload.kind).seconds(challenge)
