"""How well a learner's predictions came out: the mean Brier score and whether it gets better, for the path."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from gradus.accounts.models import User
from gradus.laboratory.models import Prediction

# Fewer tell nothing.
LEAST = 3
# How many of the newest predictions are drawn.
DRAWN = 24
HEIGHT = 48
# Between the means of two halves, a smaller difference is called none.
SAME = 0.05


@dataclass(frozen=True)
class Bar:
    """One prediction as a bar: a Brier score of 1 is `HEIGHT` pixels high, and 0 is a line."""

    x: str
    y: float
    height: float
    said: str


@dataclass(frozen=True)
class Summary:
    """`earlier` and `later` are the means of the older and the newer half."""

    count: int
    mean: float
    earlier: float
    later: float
    bars: tuple[Bar, ...]

    @property
    def trend(self) -> str:
        if self.later < self.earlier - SAME:
            return "better"
        return "worse" if self.later > self.earlier + SAME else "level"


def summary(user: User | None) -> Summary | None:
    """The settled predictions of a learner; None for fewer than `LEAST`."""
    rows = Prediction.objects.settled_of(user) if user else ()
    scores = [one.brier for one in rows if one.brier is not None]
    if len(scores) < LEAST:
        return None
    half = len(scores) // 2
    return Summary(len(scores), fmean(scores), fmean(scores[:half]), fmean(scores[half:]), _bars(scores[-DRAWN:]))


def _bars(scores: list[float]) -> tuple[Bar, ...]:
    heights = [max(2.0, HEIGHT * score) for score in scores]
    return tuple(
        Bar(f"{100 * n / DRAWN:.2f}%", round(HEIGHT - height, 1), round(height, 1), f"{score:.2f}")
        for n, (score, height) in enumerate(zip(scores, heights, strict=True))
    )
