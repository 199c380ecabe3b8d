"""Our engine as the benchmark drives it: the public functions that the runner calls, and nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass
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


def answer(base: models.Base, item: Score | Generate, warm: Score | Generate, dtype: str) -> Ours:
    """Warms up on other rows, then takes the time from texts to answers, tokenising counted."""
    _run(base, warm, dtype)
    started = time.perf_counter()
    answers = _run(base, item, dtype)
    return Ours(time.perf_counter() - started, answers)


def _run(base: models.Base, item: Score | Generate, dtype: str) -> list[Any]:
    """In bf16 labels are looked at again in fp32 where it is close, as in the runner; texts are bf16's own."""
    if isinstance(item, Generate):
        return generation.generate(base, base.model, item, Watch()).texts
    rounded = None if dtype == FLOAT32 else base.rounded
    return scoring.score(base, base.model, item, Watch(), rounded=rounded).logprobs
