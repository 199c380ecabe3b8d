"""Whether a base model's code fits split attention: tried on a few tokens when it is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

from graders.base import Generate, Score
from workers.engine import generation, memory, models, plain, scoring
from workers.engine.models import Base
from workers.engine.watch import Watch

OTHERWISE = (TypeError, AttributeError, KeyError, IndexError, RuntimeError, ValueError)
"""What comes of trying a model that is built otherwise."""
TOLERANCE = 1e-2
PROMPT, SUFFIXES = "One, two, three.\n\n", ("Four,", "Five and six,")
LABELS = Score("", PROMPT, SUFFIXES, (" seven", " eight hundred"))
TEXTS = Generate("", PROMPT, SUFFIXES, 3, ())


def load(folder: Path, device: str) -> Base:
    """The base model, with the library's own attention, row by row, where the fast path is not right for it."""
    exact = models.load(folder, device, split=False)
    try:
        base = models.load(folder, device)
        if fits(base, exact):
            return base
    except OTHERWISE as error:
        if memory.ran_out(error, shapes_fit=False):
            raise
    print(
        f"runner: {exact.name}: split attention does not fit this model; rows are computed one by one", file=sys.stderr
    )
    return exact


def fits(base: Base, exact: Base) -> bool:
    """Whether split attention finds the log-probabilities and texts that the library's own finds.

    It knows no window: one that is shorter than the context would not show in so few tokens. Raises one of `OTHERWISE`
    where it cannot compute them.
    """
    if (getattr(base.model.config, "sliding_window", None) or base.context) < base.context:
        return False
    fast = scoring.score(base, base.model, LABELS, Watch()).logprobs
    texts = generation.generate(base, base.model, TEXTS, Watch()).texts
    slow = plain.score(exact, exact.model, LABELS, Watch()).logprobs
    close = (abs(a - b) <= TOLERANCE for f, s in zip(fast, slow, strict=True) for a, b in zip(f, s, strict=True))
    return all(close) and texts == plain.generate(exact, exact.model, TEXTS, Watch()).texts
