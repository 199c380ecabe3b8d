"""Chooses the fastest way for a base model on this machine, by timing the few ways on a small piece of real work.

One decision is made after the other, each with what was decided before, so that a handful of runs is enough. A way
counts only where it finds the same answers within a margin. It must be faster by `GAIN`: what is equal to within the
noise of a busy machine should come out alike on all hosts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graders.base import Score
from workers.engine import scoring
from workers.engine.choice import DEFAULT, PLAIN, Choice, only_plain
from workers.engine.kernels import Kernels, products
from workers.engine.models import Base
from workers.engine.prompts import Prefixes
from workers.engine.watch import Watch

GAIN = 1.08
"""How many times faster than the way before it a candidate must be."""
EXACT_MARGIN, BF16_MARGIN = 1e-2, 1.0
"""Nats by which a candidate's log-probabilities may be off: in fp32, and in bf16, where close labels are computed
again."""
SECONDS = 5.0
"""For all trials together; on a slow machine each has fewer rows."""
CANDIDATES: tuple[tuple[str, dict[str, Any], float], ...] = (
    ("products", {"attention": "products"}, EXACT_MARGIN),
    ("onednn", {"product": "onednn"}, EXACT_MARGIN),
    ("bfloat16", {"dtype": "bfloat16"}, BF16_MARGIN),
    ("512 tokens", {"call_tokens": 512}, EXACT_MARGIN),
)
SENTENCES, ROWS, FEWEST = 10, 36, 8
"""Of the shared prompt, and one in each row, at most and at least; each has about 20 tokens."""


def _sentence(n: int) -> str:
    return f"order {n**3} was sent to the city of {chr(65 + n % 26)} before day {n} of the year"


def work(base: Base) -> Score:
    """Rows with two labels after a prompt that takes half of the context at most."""
    prompt = "".join(f"It is true that {_sentence(n)}.\n" for n in range(SENTENCES))
    tokens = base.encode([prompt])[0][: base.context // 2]
    rows = tuple(f"Is it true that {_sentence(n)}?" for n in range(ROWS))
    return Score("", base.decode(tokens), rows, (" yes", " no"))


class Trial:
    """Times choices on one piece of work for one base model."""

    def __init__(self, base: Base, watch: Watch) -> None:
        self._base, self._watch = base, watch
        self._answers: Sequence[Sequence[float]] = ()
        self.timings: dict[str, float] = {}
        whole = work(base)
        self._work = replace(whole, suffixes=whole.suffixes[:FEWEST])
        self._scored(DEFAULT)
        few = self._scored(DEFAULT)[0]
        rows = int(ROWS * min(1.0, SECONDS / (len(CANDIDATES) + 2) / few * FEWEST / ROWS))
        self._work = replace(whole, suffixes=whole.suffixes[: max(FEWEST, rows)])

    def seconds(self, name: str, choice: Choice, margin: float) -> float:
        """How long the work takes so; infinitely long where the answers are not those of the first choice."""
        taken, answers = self._scored(choice)
        self.timings[name] = round(min(taken, self.timings.get(name, taken)), 4)
        self._answers = self._answers or answers
        pairs = (pair for rows in zip(answers, self._answers, strict=True) for pair in zip(*rows, strict=True))
        return self.timings[name] if all(abs(a - b) <= margin for a, b in pairs) else float("inf")

    def _scored(self, choice: Choice) -> tuple[float, Sequence[Sequence[float]]]:
        base, kernels = self._base, Kernels.of(choice, self._base.device.type)
        products.use(base.model, onednn=kernels.onednn)
        screening_copy = base.screening_copy if choice.dtype == "bfloat16" else None
        started = time.perf_counter()
        scored = scoring.score(
            base,
            base.model,
            self._work,
            self._watch,
            screening_copy=screening_copy,
            kernels=kernels,
            prefixes=Prefixes(),
        )
        return time.perf_counter() - started, scored.logprobs


def choose(base: Base, watch: Watch, *, allow_bf16: bool = True) -> Choice:
    """Times the ways for `base`, for about `SECONDS`; bf16 only with `allow_bf16`."""
    if only_plain() or not base.split or base.device.type != "cpu":
        return PLAIN
    trial, best = Trial(base, watch), DEFAULT
    trial.seconds("default", best, EXACT_MARGIN)
    fastest = trial.seconds("default", best, EXACT_MARGIN)
    for name, change, margin in CANDIDATES:
        if change.get("dtype") == "bfloat16" and not allow_bf16:
            continue
        taken = trial.seconds(name, replace(best, **change), margin)
        if taken * GAIN < fastest:
            best, fastest = replace(best, **change), taken
    if best.dtype == "float32":
        base.forget_screening_copy()
    return replace(best, timings=trial.timings)
