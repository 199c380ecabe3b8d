"""Starts the runner, sends it work items, enforces its limits, and restarts it when it dies."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from challenges.kinds.base import WALL_FACTOR
from graders.base import Embed, Rejected, Retrieve, Train, Trained
from workers.engine import hardware, model_files
from workers.engine.choice import Choice, Place
from workers.engine.watch import Stopped
from workers.sandbox import adapter_files, launch, limits
from workers.sandbox.choosing import Choices, Chosen, InMemory
from workers.sandbox.faults import GpuFailed, RunnerDied, RunnerFailed, RunnerTimeout, WorkLimit
from workers.sandbox.frames import (
    Channel,
    Closed,
    FrameError,
    Item,
    Message,
    Outcome,
    SendTimeout,
    choose_message,
    item_message,
    read_choice,
    read_outcome,
)

__all__ = ["GpuFailed", "Runner", "RunnerDied", "RunnerFailed", "RunnerTimeout", "Stopped", "WorkLimit"]

START_SECONDS = 180.0
# Loading a model and timing its few ways takes about ten seconds on a machine that does nothing else.
CHOOSE_SECONDS = 300.0
GRACE_SECONDS = 5.0
POLL_SECONDS = 0.1
DISK_BYTES = 4 * 1024**3
DISK_CHECK_SECONDS = 2.0
REJECTIONS = frozenset({"diverged", "prompt_too_long", "row_too_long", "out_of_memory", "method_unavailable"})

OnEvent = Callable[[dict[str, Any]], None]
ShouldStop = Callable[[], bool]


class _Limit:
    """The limit of one item in seconds of `clock`, and by the wall clock, from now on."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._begun = self._last = clock()
        self._end = time.monotonic() + WALL_FACTOR * seconds

    def used(self) -> float:
        """Seconds of the clock so far; those of the last look once the process has ended."""
        with suppress(psutil.Error):
            self._last = self._clock()
        return self._last - self._begun

    def check(self) -> None:
        """Raises WorkLimit or RunnerTimeout where the limit is over."""
        if self.used() > self._seconds:
            raise WorkLimit
        if time.monotonic() > self._end:
            raise RunnerTimeout


class Runner:
    """A resident child process with one base model, which does one job at a time; other threads wait their turn.

    The process is started on first use, and again after it has died. After `idle_seconds` without a job it ends; with 0
    it stays. It dies with the thread that started it, so that a killed worker leaves no process behind: call `run` from
    the worker's main thread or from one that lasts. `device`, `dtype` (that of training) and `threads` are part of the
    engine profile.

    How a base model is computed is found in `choices`; without any, this object keeps what it has measured. With
    `allow_bf16=False` bf16 is left out of what is measured.
    """

    def __init__(
        self,
        *,
        nice: int = 0,
        idle_seconds: float = 0,
        threads: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
        models_dir: str | Path | None = None,
        memory_bytes: int | None = None,
        disk_bytes: int = DISK_BYTES,
        choices: Choices | None = None,
        allow_bf16: bool = True,
    ) -> None:
        self.threads = threads or hardware.threads()
        self.device = device or hardware.device()
        self.dtype = dtype or hardware.training_dtype()
        self._nice = nice
        self._idle_seconds = idle_seconds
        self._models_dir = Path(models_dir) if models_dir else model_files.models_dir()
        self.memory_bytes = memory_bytes or limits.memory_bytes(self._models_dir, self.device)
        self._disk_bytes = disk_bytes
        self._chosen = Chosen(InMemory() if choices is None else choices)
        self._allow_bf16 = allow_bf16
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._scratch: Path | None = None
        self._job = 0
        self._used_at = 0.0
        # A thread that waits for the runner does not work, although the jobs of others do.
        self._work = threading.local()
        self._weights: dict[str, model_files.Identity | None] = {}

    def run(self, item: Item, *, on_event: OnEvent, should_stop: ShouldStop, seconds: float) -> Outcome:
        """Carries out a work item within `seconds` of work, and within `WALL_FACTOR` times as many by the wall clock.

        The start of the runner does not count. An item with a base model is computed by the model's choice, which is
        measured first if none is kept. That does not count either. The files of what was trained stay until the next
        training run, `forget` or `close`.

        Raises:
            WorkLimit: the work of `seconds` was done.
            RunnerTimeout: before that, its time was over by the wall clock.
            RunnerDied: the runner did not start, ended, or sent an invalid message.
            GpuFailed: the GPU or its driver failed, or other processes hold its memory.
            RunnerFailed: the engine raised an unexpected error, or the weights are damaged.
            Stopped: `should_stop` returned true.
            graders.base.Rejected: the learner's submission cannot be carried out.
        """
        with self._lock:
            choice = None if isinstance(item, Embed | Retrieve) else self._choice(item.model, should_stop)
            with self._ready_or_killed():
                return self._run(item, choice, on_event, should_stop, seconds)

    def choose(self, model: str, *, should_stop: ShouldStop) -> Choice:
        """How this runner computes the base model `model`, always alike; it is measured if no choice is kept.

        Only one process of this machine measures at a time, and the others wait.

        Raises:
            RunnerDied: the runner ended, sent an invalid message, or took longer than `CHOOSE_SECONDS`.
            RunnerFailed: the engine could not measure, for example because the model is missing.
            Stopped: `should_stop` returned true.
        """
        with self._lock:
            return self._choice(model, should_stop)

    def place(self, model: str) -> Place:
        """What the choice for the base model `model` is kept by."""
        return Place.of(self._models_dir, model, self.threads, self.device)

    def worked(self) -> float:
        """Seconds of work of all items that the calling thread has had carried out: CPU time for each of the runner's
        threads, or wall-clock time where a GPU works.

        So time that the machine spent on other programs, or stood still, is no work.
        """
        return float(getattr(self._work, "seconds", 0.0))

    def forget(self) -> None:
        """Deletes what was trained last. A whole model takes much room."""
        with self._lock:
            if self._scratch is not None:
                self._forget_adapters()

    def close(self) -> None:
        """Ends the runner and removes its files; `run` starts a new one. It may be called from any thread."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._kill()
            if self._scratch is not None:
                shutil.rmtree(self._scratch, ignore_errors=True)
                self._scratch = None

    @contextmanager
    def _ready_or_killed(self) -> Iterator[None]:
        """Kills the runner after an error that leaves it in the middle of a job."""
        try:
            yield
        except (Closed, SendTimeout, FrameError) as error:
            status = self._kill()
            raise RunnerDied(f"the runner ended with status {status}") from error
        except (Rejected, RunnerFailed, Stopped):
            # The runner has answered, and is ready for the next job.
            raise
        except BaseException:
            # For example `on_event` raised: the runner is in the middle of a job whose result nobody needs.
            self._kill()
            raise

    def _choice(self, model: str, should_stop: ShouldStop) -> Choice:
        self._check_weights(model)
        return self._chosen.find(self.place(model), lambda: self._measure(model, should_stop), should_stop)

    def _check_weights(self, model: str) -> None:
        """Raises `RunnerFailed` if the model's weights are damaged; ends a runner that may have loaded other ones."""
        folder = self._models_dir / Path(model).name
        identity = model_files.identity(folder)
        if self._weights.setdefault(model, identity) != identity:
            self._weights[model] = identity
            self._kill()
        if model_files.are_damaged(folder):
            raise RunnerFailed("the weights do not have their digest")

    def _measure(self, model: str, should_stop: ShouldStop) -> Choice:
        with self._ready_or_killed():
            channel = self._started(should_stop, engine=True)
            self._job += 1
            channel.send(choose_message(self._job, model, allow_bf16=self._allow_bf16), GRACE_SECONDS)
            try:
                limit = _Limit(time.monotonic, CHOOSE_SECONDS)
                message = self._await(channel, lambda _: None, should_stop, limit)
            except RunnerTimeout as error:
                raise RunnerDied("measuring took too long") from error
            return self._measured(message)

    def _measured(self, message: Message) -> Choice:
        match message["type"]:
            case "result":
                try:
                    return read_choice(message.get("result"), allow_bf16=self._allow_bf16)
                except ValueError as error:
                    raise RunnerDied("a choice of another shape") from error
            case "failed":
                raise RunnerFailed(str(message.get("error"))[:80])
            case "gpu_failed":
                raise GpuFailed(str(message.get("error"))[:200])
            case "rejected":
                # What the engine runs out of while it measures is not the learner's fault.
                raise RunnerFailed(f"while measuring: {message.get('code')}"[:80])
        raise RunnerDied(f"an unexpected message: {message['type'][:80]}")

    def _run(
        self, item: Item, choice: Choice | None, on_event: OnEvent, should_stop: ShouldStop, seconds: float
    ) -> Outcome:
        channel = self._started(should_stop, engine=choice is not None)
        if isinstance(item, Train):
            self._forget_adapters()
        self._job += 1
        limit = _Limit(self._work_clock(), seconds)
        try:
            channel.send(item_message(self._job, item, choice), seconds)
            message = self._await(channel, on_event, should_stop, limit)
        finally:
            self._work.seconds = self.worked() + limit.used()
        return self._result(item, message)

    def _work_clock(self) -> Callable[[], float]:
        assert self._process is not None
        if self.device != "cpu":
            return time.monotonic
        times, threads = psutil.Process(self._process.pid).cpu_times, self.threads
        return lambda: (times().user + times().system) / threads

    def _await(self, channel: Channel, on_event: OnEvent, should_stop: ShouldStop, limit: _Limit) -> Message:
        """Waits for the message that ends the job, and passes on events meanwhile."""
        check = time.monotonic() + DISK_CHECK_SECONDS
        while True:
            if should_stop():
                self._stop(channel)
            limit.check()
            if time.monotonic() > check:
                self._check_disk()
                check = time.monotonic() + DISK_CHECK_SECONDS
            message = channel.receive(POLL_SECONDS)
            if message is None or message.get("job") != self._job:
                continue
            if message["type"] != "event":
                self._used_at = time.monotonic()
                return message
            on_event(message["event"])

    def _check_disk(self) -> None:
        """Raises RunnerFailed if the runner's files are too large together; the kernel limits only single files."""
        if self._scratch is not None and launch.used_bytes(self._scratch) > self._disk_bytes:
            self._kill()
            self._forget_adapters()
            raise RunnerFailed("the runner's folder is too large")

    def _stop(self, channel: Channel) -> None:
        """Asks the runner to stop, so that it keeps its model; kills it if it does not. Always raises `Stopped`."""
        channel.send({"type": "stop", "job": self._job}, GRACE_SECONDS)
        end = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < end:
            message = channel.receive(POLL_SECONDS)
            if message is not None and message.get("job") == self._job and message["type"] != "event":
                raise Stopped
        self._kill()
        raise Stopped

    def _result(self, item: Item, message: Message) -> Outcome:
        match message["type"]:
            case "result":
                return self._checked(item, message.get("result"))
            case "rejected" if message.get("code") in REJECTIONS:
                raise Rejected(message["code"], str(message.get("detail", "")))
            case "failed":
                raise RunnerFailed(str(message.get("error"))[:80])
            case "gpu_failed":
                raise GpuFailed(str(message.get("error"))[:200])
        raise RunnerDied(f"an unexpected message: {message['type'][:80]}")

    def _checked(self, item: Item, data: Any) -> Outcome:
        """The outcome, after checking that an adapter's files are regular files in the scratch folder."""
        try:
            outcome = read_outcome(item, data)
        except ValueError as error:
            raise RunnerDied("a result of another shape") from error
        if isinstance(outcome, Trained):
            self._check_adapter(Path(outcome.files))
        return outcome

    def _check_adapter(self, folder: Path) -> None:
        if folder.parent != self._scratch:
            raise RunnerDied("an adapter outside the runner's folder")
        try:
            with adapter_files.opened(folder):
                pass
        except ValueError as error:
            raise RunnerDied("an invalid adapter") from error

    def _forget_adapters(self) -> None:
        assert self._scratch is not None
        for folder in self._scratch.glob("adapter-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _started(self, should_stop: ShouldStop, *, engine: bool) -> Channel:
        """The channel to a runner that is ready; starts one if necessary."""
        if self._process is not None and (self._process.poll() is not None or self._is_ending()):
            self._kill()
        if self._channel is None:
            try:
                self._channel = self._start(engine=engine)
            except OSError as error:
                raise RunnerDied(f"the runner could not be started: {type(error).__name__}") from error
            end = time.monotonic() + START_SECONDS
            while (message := self._channel.receive(POLL_SECONDS)) is None or message["type"] != "ready":
                if should_stop():
                    self._kill()
                    raise Stopped
                if time.monotonic() > end:
                    raise RunnerDied("the runner did not start")
        return self._channel

    def _is_ending(self) -> bool:
        return 0 < self._idle_seconds < time.monotonic() - self._used_at

    def _start(self, *, engine: bool) -> Channel:
        if self._scratch is None:
            launch.sweep()
            self._scratch = launch.scratch_folder()
        options = {
            "threads": self.threads,
            "memory": self.memory_bytes,
            "nice": self._nice,
            "idle": self._idle_seconds,
            "engine": int(engine),
            "models-dir": self._models_dir.resolve(),
            "device": self.device,
            "dtype": self.dtype,
        }
        self._process, channel = launch.launch(self._scratch, self.threads, options)
        return channel

    def _kill(self) -> int | None:
        """Kills the process, if there is one; returns its exit status."""
        process, channel, self._process, self._channel = self._process, self._channel, None, None
        if channel is not None:
            channel.close()
        if process is None:
            return None
        process.kill()
        return process.wait()
