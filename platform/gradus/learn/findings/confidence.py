"""A confidence sequence: an interval for a mean that may be looked at after each new value.

An ordinary interval of 95 % is meant for one look at a number of values that was chosen before. If it is looked at
again and again while values come in, it sooner or later misses the mean, with far more than 5 % probability. A
confidence sequence contains the mean at all looks together with 95 % probability.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

LEVEL = 0.95
# At most this share of the wealth is bet on one value, so that no bet can lose everything.
MOST = 0.75
# The edges are found to 1/1024 of the range, which is finer than what a page shows.
HALVINGS = 10


def interval(values: Sequence[float], low: float, high: float, level: float = LEVEL) -> tuple[float, float]:
    """The confidence sequence for the mean of `values`, after the last of them; all lie in [low, high].

    It is the hedged capital of Waudby-Smith and Ramdas (2024, "Estimating means of bounded random variables by
    betting", theorem 3), with their predictable bets and the intersection over all looks. For each possible mean, one
    gambler bets that values come out higher, and another that they come out lower. A mean is ruled out once one of them
    has multiplied the money by 2 / (1 - level). It assumes that every value has the same expectation, whatever came
    before it, and nothing about the form of its distribution. Without values it is the whole range.
    """
    scaled = [(value - low) / (high - low) for value in values]
    bets, target = list(_bets(scaled, 1 - level)), math.log(2 / (1 - level))
    lower = _edge(scaled, bets, target)
    upper = 1 - _edge([1 - value for value in scaled], bets, target)
    return low + lower * (high - low), low + upper * (high - low)


def _bets(values: Sequence[float], alpha: float) -> Iterator[float]:
    """How much to bet on each value, from those before it: more where they varied less."""
    total, squares, variance = 0.5, 0.25, 0.25
    for n, value in enumerate(values, 1):
        yield math.sqrt(2 * math.log(2 / alpha) / (variance * n * math.log(1 + n)))
        total += value
        squares += (value - total / (n + 1)) ** 2
        variance = squares / (n + 1)


def _edge(values: Sequence[float], bets: Sequence[float], target: float) -> float:
    """The highest mean in [0, 1] below which every mean is ruled out by the gambler who bets on higher values.

    That gambler's money falls as the mean rises, so the edge is found by halving.
    """
    below, above = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (below + above) / 2
        below, above = (middle, above) if _is_ruled_out(middle, values, bets, target) else (below, middle)
    return below


def _is_ruled_out(mean: float, values: Sequence[float], bets: Sequence[float], target: float) -> bool:
    money = 0.0
    for value, bet in zip(values, bets, strict=True):
        money += math.log1p(min(bet, MOST / mean) * (value - mean))
        if money >= target:
            return True
    return False
