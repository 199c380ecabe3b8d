"""Runs one peer's script in its own environment: work file in, result file out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks import allocator, venvs
from benchmarks.peers import job

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 3600


class PeerFailed(Exception):
    """No figure from this peer; the text says why."""


def run(interpreter: Path, module: str, work: Any, *, seconds: float = SECONDS) -> dict[str, Any]:
    """`work` is a dataclass of the peer's. Returns the result file's fields. Raises `PeerFailed`."""
    with tempfile.TemporaryDirectory(prefix="gradus-bench-") as folder:
        files = Path(folder, "work.json"), Path(folder, "result.json")
        job.write(files[0], work)
        said = _process([str(interpreter), "-m", module, *map(str, files)], work.threads, seconds)
        if not files[1].is_file():
            raise PeerFailed(venvs.reason(said))
        found: dict[str, Any] = json.loads(files[1].read_text())
    if "problem" in found:
        raise PeerFailed(found["problem"])
    return found


def _process(command: list[str], threads: int, seconds: float) -> str:
    """What the process said. In a session of its own, so that its helpers end with it."""
    with _endings() as endings:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(threads),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            endings.release()
            return process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"no result after {seconds:g} s") from None
        finally:
            endings.held = True
            _end(process)


class Endings:
    """Signals that end this process become exceptions, so that the peer can be ended first.

    While `held`, one only waits: a peer that is being started is not known yet.
    """

    def __init__(self) -> None:
        self.held = True
        self.came = 0

    def handle(self, number: int, _: object) -> None:
        self.came = number
        if not self.held:
            self.release()

    def release(self) -> None:
        self.held = False
        if self.came:
            raise KeyboardInterrupt if self.came == signal.SIGINT else SystemExit(128 + self.came)


@contextmanager
def _endings() -> Iterator[Endings]:
    """From the main thread only. A signal that is ignored stays so."""
    made = Endings()
    signals = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in signals}
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
    for number in before:
        signal.signal(number, made.handle)
    try:
        yield made
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def environment(threads: int) -> dict[str, str]:
    """The same threads for everybody, and no network: a model hub is never asked."""
    count = str(threads)
    inherited = {name: value for name, value in os.environ.items() if name not in allocator.OWN}
    return inherited | {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "PYTHONPATH": str(ROOT),
    }


def interpreter(name: str) -> Path:
    """Raises `PeerFailed` where the environment cannot be made."""
    try:
        return venvs.python(name)
    except venvs.NotInstalled as error:
        raise PeerFailed(f"does not install: {error}") from error
