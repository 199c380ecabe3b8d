"""Numbers with how far chance, or one run after another, moves them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from gradus.learn.result.chance import Z


@dataclass(frozen=True)
class Spread:
    """A number between `low` and `high`; both are None where it was found only once."""

    value: float
    low: float | None = None
    high: float | None = None

    def scaled(self, factor: float) -> Spread:
        ends = [None if end is None else factor * end for end in (self.low, self.high)]
        return Spread(factor * self.value, *ends)


def of_runs(values: Sequence[float]) -> Spread:
    """The median of at least one run, and the least and the greatest of several."""
    return Spread(median(values), min(values), max(values)) if len(values) > 1 else Spread(values[0])


def of_rows(values: Sequence[float]) -> Spread:
    """The mean over rows, which stand for all requests, with its 95 % interval; without one for a single row."""
    mean = fmean(values)
    if len(values) < 2:
        return Spread(mean)
    half = Z * stdev(values) / math.sqrt(len(values))
    return Spread(mean, mean - half, mean + half)


def difference(one: Spread, other: Spread) -> Spread:
    """`one - other`, as far apart as their ends allow."""
    value = one.value - other.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Spread(value)
    return Spread(value, one.low - other.high, one.high - other.low)
