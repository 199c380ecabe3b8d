"""Our engine as a site drives it: a runner's process, which answers work items. What is measured is what grades."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import PeftModel

from benchmarks.counting import Counting
from benchmarks.peers.job import FLOAT32
from graders.base import Generate, Score, Scored, Train
from workers.engine import hardware, lora, models
from workers.engine.gradients import ByAutograd
from workers.engine.models import Base
from workers.engine.session import Session
from workers.engine.watch import Watch
from workers.sandbox.supervisor import Runner

SECONDS = 3600.0


@dataclass(frozen=True)
class Ours:
    """Seconds and answers: label log-probabilities (nats) or texts."""

    seconds: float
    answers: list[Any]


def runner(models_dir: Path, dtype: str, threads: int) -> Runner:
    """A new one for each figure: it keeps prompts' keys and values, and those of the last shape may begin this one."""
    return Runner(models_dir=models_dir, device="cpu", dtype=allowed(dtype), threads=threads)


def allowed(dtype: str) -> str:
    """What a worker computes in where answers may be as rough as in `dtype`: bf16 only where it is the faster one."""
    return dtype if dtype == FLOAT32 else hardware.training_dtype()


def answer(models_dir: Path, item: Score | Generate, warm: Score | Generate, dtype: str, threads: int) -> Ours:
    """Warms up on other rows, then takes the time from texts to answers: tokenising and the way to the runner count."""
    engine = runner(models_dir, dtype, threads)
    try:
        _, _ = timed(engine, warm)
        seconds, found = timed(engine, item)
    finally:
        engine.close()
    return Ours(seconds, found.logprobs if isinstance(found, Scored) else found.texts)


def timed(engine: Runner, item: Score | Generate | Train) -> tuple[float, Any]:
    """Seconds of one item, and its outcome."""
    started = time.perf_counter()
    outcome = engine.run(item, on_event=lambda event: None, should_stop=lambda: False, seconds=SECONDS)
    return time.perf_counter() - started, outcome


def adapter_loss(base: Base, adapter: Path, item: Train) -> float:
    """The engine's own evaluation of a saved adapter on the held-out rows, in nats; the oracle checks it."""
    model = PeftModel.from_pretrained(models.own(base.model), str(adapter)).eval()
    return lora.evaluate(base, ByAutograd(base, model), lora.examples(base, item.valid, item.row_tokens_max), Watch())


def note(session: Session, item: Score | Generate | Train, dtype: str) -> str:
    """What our products compute in, where that is not `dtype` alone, seen on the operators of a small item."""
    with Counting() as counting:
        session.run(item, Watch())
    found = sorted(counting.dtypes())
    return "" if found == [dtype] else f"ours computes in {' and '.join(found)}"


def session(models_dir: Path, dtype: str) -> Session:
    """The runner's own, in this process."""
    return Session(models_dir, Path(tempfile.gettempdir()), dtype=allowed(dtype))
