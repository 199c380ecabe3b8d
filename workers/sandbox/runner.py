"""The child process that holds the base model: `python -m workers.sandbox.runner`, which the supervisor starts.

It reads work items from one pipe and writes events and results to another. It has no access to the database, to right
answers or to secrets, and its error messages contain no text of a learner or an author.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graders.base import BASE, TRAINED, Embed, Embedded, Rejected, Retrieve, Retrieved, Train, Trained
from workers.engine import hardware
from workers.sandbox import capabilities, gpu
from workers.sandbox.confinement import confine
from workers.sandbox.frames import Channel, Closed, Message, SendTimeout, item_choice, read_item
from workers.sandbox.peak_memory import Growth, PeakMemory
from workers.training import chosen

if TYPE_CHECKING:
    from workers.engine.session import Session
    from workers.engine.watch import Watch

SEND_SECONDS = 60.0
# After this long without a message, memory that is not used goes back to the kernel.
REST_SECONDS = 5.0
LONGEST_WAIT = 3600.0
# A runner ends this much later than its supervisor expects, so that no message is sent to one that is ending.
MARGIN_SECONDS = 10.0


class Jobs:
    """Carries out one job after another, until the worker closes the pipes or has sent nothing for `idle` seconds.

    With `idle` 0 it waits for ever. `load` makes the session, which takes seconds: embeddings do without it. `lacking`
    says why a training run cannot be carried out here.
    """

    def __init__(
        self,
        channel: Channel,
        load: Callable[[], Session],
        idle: float = 0,
        lacking: Callable[[Train], str] = lambda _: "",
        memory: PeakMemory | None = None,
    ) -> None:
        self.channel = channel
        self.memory = memory or PeakMemory()
        self.lacking = lacking
        self.idle = idle
        self._load = load

    @cached_property
    def session(self) -> Session:
        return self._load()

    def serve(self) -> None:
        """Answers messages. Raises `Closed` when the worker closes its end, and `SendTimeout` if it does not read."""
        self._send({"type": "ready"})
        while (message := self._next()) is not None or not self.idle:
            if message is not None and message["type"] in ("run", "choose"):
                self._send(self._answer(message["job"], message))

    def _next(self) -> Message | None:
        message = self.channel.receive(REST_SECONDS)
        if message is None:
            if "session" in self.__dict__:
                self.session.rest()
            give_memory_back()
            message = self.channel.receive(self.idle + MARGIN_SECONDS if self.idle else LONGEST_WAIT)
        return message

    def _answer(self, job: int, message: Message) -> Message:
        from workers.engine.watch import Stopped

        watch = self._watch(job, message)
        try:
            return {"type": "result", "job": job, "result": self._result(message, watch)}
        except Rejected as rejected:
            if rejected.code == "out_of_memory" and (reason := gpu.taken()):
                return {"type": "gpu_failed", "job": job, "error": f"the GPU failed: {reason}"}
            return {"type": "rejected", "job": job, "code": rejected.code, "detail": rejected.detail}
        except Stopped:
            return {"type": "stopped", "job": job}
        except (Closed, SendTimeout):
            raise
        except Exception as error:
            _report(error)
            if reason := gpu.fault(error):
                return {"type": "gpu_failed", "job": job, "error": f"the GPU failed: {reason}"}
            return {"type": "failed", "job": job, "error": type(error).__name__}

    def _watch(self, job: int, message: Message) -> Watch:
        from workers.engine.watch import Watch

        watch = Watch(on_event=lambda event: self._event(job, event), should_stop=lambda: self._cancelled(job))
        if message.get("item", {}).get("stage") not in (BASE, TRAINED):
            return watch
        from workers.sandbox.written_tokens import reporter

        return replace(watch, on_tokens=reporter(watch.on_event))

    def _result(self, message: Message, watch: Watch) -> dict[str, Any]:
        """Carries out a work item, or times the ways of computing a base model."""
        if message["type"] == "choose":
            return self.session.choose(message["model"], watch, allow_bf16=message["allow_bf16"]).as_json()
        item = read_item(message)
        if isinstance(item, Embed):
            return asdict(_embed(item, watch))
        if isinstance(item, Retrieve):
            return asdict(_retrieve(item, watch))
        if isinstance(item, Train):
            return asdict(self._train(item, watch))
        return asdict(self.session.run(item, watch, item_choice(message)))

    def _train(self, item: Train, watch: Watch) -> Trained:
        if lack := self.lacking(item):
            raise Rejected("method_unavailable", lack)
        growth = Growth()
        trained = self.session.run(item, watch, training_within=lambda: self._alone(growth))
        assert isinstance(trained, Trained)
        return replace(trained, peak_bytes=growth.bytes)

    @contextmanager
    def _alone(self, growth: Growth) -> Iterator[None]:
        """Lets go of everything but the base model first, so that only the training is measured."""
        give_memory_back()
        with self.memory.measured(growth):
            yield

    def _event(self, job: int, event: dict[str, Any]) -> None:
        self._send({"type": "event", "job": job, "event": event})

    def _cancelled(self, job: int) -> bool:
        """Whether the worker has stopped this job. A late message that stops an earlier job is ignored."""
        message = self.channel.receive(0)
        return message is not None and message == {"type": "stop", "job": job}

    def _send(self, message: Message) -> None:
        self.channel.send(message, SEND_SECONDS)


def give_memory_back() -> None:
    """Returns the heap's free pages to the kernel, which the allocator keeps during a job; see `launch.ALLOCATOR`."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def _report(error: Exception) -> None:
    """Prints the type and the place of an error without its text, which may quote hidden rows."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    print(f"runner: {type(error).__name__}\n{frames}", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    # Ctrl-C in a terminal reaches this process too. It ignores it, because its supervisor ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parser = argparse.ArgumentParser(prog="python -m workers.sandbox.runner")
    for name in ("--read-fd", "--write-fd", "--parent", "--threads", "--memory"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--idle", type=float, default=0)
    parser.add_argument("--engine", type=int, default=1, help="0: load it when the first item needs it")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--models-dir", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--given", type=Path, required=True)
    parser.add_argument("--user", type=int)
    options = parser.parse_args(argv)
    os.nice(options.nice)
    readable = (options.models_dir, options.given)
    on_gpu = options.device.startswith("cuda")
    memory = PeakMemory(gpu=on_gpu)
    confine(options.parent, options.memory, user=options.user, readable=readable, scratch=options.scratch, gpu=on_gpu)
    channel = Channel(options.read_fd, options.write_fd)
    jobs = Jobs(channel, lambda: _session(options), options.idle, lambda item: _lacking(item, options), memory)
    _prepare(jobs, options)
    try:
        jobs.serve()
    except (Closed, SendTimeout):
        return 0
    return 0


def _prepare(jobs: Jobs, options: argparse.Namespace) -> None:
    """Loads the engine if it is wanted at once, which must happen after confinement.

    Imports make a million objects that stay. Looking for garbage among them would take a seventh of the start, and
    again some time in every job.
    """
    gc.disable()
    if options.engine:
        _ = jobs.session
    gc.freeze()
    gc.enable()


def _embed(item: Embed, watch: Watch) -> Embedded:
    """Without a session: a runner that only embeds needs no base model, and no library for one."""
    from workers.engine import embeddings

    embeddings.encoder()
    started = time.perf_counter()
    vectors = embeddings.embed(item.texts, watch, item.stage, is_kept=not item.is_timed)
    return Embedded(vectors, time.perf_counter() - started)


def _retrieve(item: Retrieve, watch: Watch) -> Retrieved:
    """Without a session, as for embeddings."""
    from workers.retrieval import search

    return search.retrieve(item, watch)


def _lacking(item: Train, options: argparse.Namespace) -> str:
    folder = options.models_dir / Path(item.model).name
    on_cpu = options.device == "cpu"
    memory = min(options.memory, capabilities.memory(free=True)) if on_cpu else gpu.free_bytes()
    return capabilities.lacking(item.method, folder, options.scratch, options.device, memory)


def _session(options: argparse.Namespace) -> Session:
    import torch

    # On CPUs with AVX512-BF16 it warns at each start that it has no faster 4-bit product from `kernels-community`. That
    # one would have to be downloaded, which a runner cannot do, and nothing here needs it.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    from workers.engine.session import Session
    from workers.engine.tuning import training

    def fit(run: training.Run) -> None:
        if not chosen.by_trl(run.item.method, run.base.name, options.device):
            return training.fit(run)
        from workers.training import by_trl

        return by_trl.fit(run)

    torch.set_num_threads(options.threads)
    if options.device != "cpu" and (most := hardware.gpu_bytes()) is not None:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, most / total))
    return Session(options.models_dir, options.scratch, device=options.device, dtype=options.dtype, fit=fit)


if __name__ == "__main__":
    raise SystemExit(main())
