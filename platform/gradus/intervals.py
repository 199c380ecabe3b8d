"""How far chance, or one run after another, moves a number: intervals of scores, and spreads of costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from challenges.metrics import metrics

# The standard normal quantile of a 95 % interval.
Z = 1.959963984540054
# An interval over fewer hidden rows would tell nothing but their number.
FEWEST_ROWS = 10


def score_interval(metric: str, scores: Sequence[float], factor: float = 1.0) -> tuple[float, float] | None:
    """The 95 % interval of a metric over rows with these scores in [0, 1], times `factor`; None where there is none.

    Scores of 0 and 1 get Wilson's interval (Wilson 1927), other scores the normal interval of their mean. A metric that
    is not the mean of its rows, such as macro F1, gets none, because it would be wrong.
    """
    if not _is_mean_of_rows(metric) or len(scores) < 2:
        return None
    interval = wilson(sum(scores), len(scores)) if set(scores) <= {0, 1} else _normal(scores)
    return interval and (interval[0] * factor, interval[1] * factor)


def shown_interval(metric: str, shown: float, step: float, rows: int) -> tuple[float, float] | None:
    """The 95 % interval behind a score that is only known to lie in [`shown`, `shown + step`), over about `rows` rows.

    It is Wilson's for both ends. Rows in [0, 1] with mean m vary by at most m(1 - m) (Bhatia and Davis 2000), and a
    factor of at most 1 only lessens that, so it is no narrower than one from the rows of token F1, field accuracy or
    MRR would be. None as for `score_interval`, and for fewer than `FEWEST_ROWS` rows.
    """
    if not _is_mean_of_rows(metric) or rows < FEWEST_ROWS:
        return None
    return wilson(shown * rows, rows)[0], wilson(min(1.0, shown + step) * rows, rows)[1]


def about(rows: int) -> int:
    """The number of hidden rows as learners may know it: rounded down to one digit and zeros; 0 for fewer than ten.

    The exact number is not shown, because a rounded score and an exact number of rows together can give away the score.
    """
    size = 10 ** (len(str(rows)) - 1)
    return rows // size * size if rows >= FEWEST_ROWS else 0


def rows_behind(hidden: int, scored: int | None, *, private: bool = False) -> int:
    """About how many hidden rows a score is computed from; see `about`.

    Args:
        hidden: The number of all hidden rows of a version.
        scored: How many of them a shown score is computed from; None where that is not recorded.
        private: True for scores that are computed from the private part, which are all hidden rows without one.
    """
    if private and scored is not None:
        return about(hidden - scored if hidden > scored else hidden)
    return about(hidden if scored is None else scored)


def wilson(right: float, rows: int) -> tuple[float, float]:
    """Wilson's 95 % interval for the share of `right` among `rows`."""
    share, weight = right / rows, Z * Z / rows
    centre = (share + weight / 2) / (1 + weight)
    half = Z * math.sqrt(share * (1 - share) / rows + weight / (4 * rows)) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


def _normal(scores: Sequence[float]) -> tuple[float, float] | None:
    """None where all scores are equal: that they do not vary says nothing about how far they could."""
    mean = sum(scores) / len(scores)
    variance = sum((score - mean) ** 2 for score in scores) / (len(scores) - 1)
    if variance == 0:
        return None
    half = Z * math.sqrt(variance / len(scores))
    return max(0.0, mean - half), min(1.0, mean + half)


def _is_mean_of_rows(metric: str) -> bool:
    known = metrics().get(metric)
    return known is not None and known.in_findings and metric != "macro_f1"


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
