"""Our engine as the benchmark drives it: the public functions that the runner calls, and nothing else."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.job import FLOAT32
from graders.base import Generate, Score
from workers.engine import generation, models, scoring
from workers.engine.watch import Watch


@dataclass(frozen=True)
class Ours:
    """Seconds and answers: label log-probabilities (nats) or texts."""

    seconds: float
    answers: list[Any]


class NoSuchDtype(Exception):
    """The engine does not run in this dtype."""


def load(folder: Path, dtype: str) -> models.Base:
    """The base model in `dtype`. Raises `NoSuchDtype`."""
    if "dtype" in inspect.signature(models.load).parameters:
        chosen: Any = models.load
        base: models.Base = chosen(folder, dtype=dtype)
        return base
    if dtype != FLOAT32:
        raise NoSuchDtype(f"our engine does not run in {dtype}")
    return models.load(folder)


def answer(base: models.Base, item: Score | Generate, warm: Score | Generate) -> Ours:
    """Warms up on other rows, then takes the time from texts to answers, tokenising counted."""
    _run(base, warm)
    started = time.perf_counter()
    answers = _run(base, item)
    return Ours(time.perf_counter() - started, answers)


def _run(base: models.Base, item: Score | Generate) -> list[Any]:
    if isinstance(item, Score):
        return scoring.score(base, base.model, item, Watch()).logprobs
    return generation.generate(base, base.model, item, Watch()).texts
