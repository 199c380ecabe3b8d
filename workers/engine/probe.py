"""Whether a base model's code fits split attention: tried on a few tokens when the model is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

from graders.base import Score
from workers.engine import models, plain, scoring
from workers.engine.models import Base
from workers.engine.watch import Watch

TOLERANCE = 1e-2
TRIAL = Score("", "One, two, three.\n\n", ("Four,", "Five and six,"), (" seven", " eight hundred"))


def load(folder: Path, device: str) -> Base:
    """The base model, with the library's own attention, row by row, where the fast path is not right for it."""
    base, exact = models.load(folder, device), models.load(folder, device, split=False)
    if fits(base, exact):
        return base
    print(
        f"runner: {base.name}: split attention does not fit this model; rows are computed one by one", file=sys.stderr
    )
    return exact


def fits(base: Base, exact: Base) -> bool:
    """Whether split attention finds the log-probabilities that the library's own finds."""
    try:
        fast = scoring.score(base, base.model, TRIAL, Watch()).logprobs
    except (TypeError, AttributeError, KeyError, IndexError, RuntimeError, ValueError):
        return False
    slow = plain.score(exact, exact.model, TRIAL, Watch()).logprobs
    return all(abs(a - b) <= TOLERANCE for f, s in zip(fast, slow, strict=True) for a, b in zip(f, s, strict=True))
