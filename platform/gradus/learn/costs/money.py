"""From tokens and prices to what requests cost, and after how many of them a training run has paid for itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gradus.intervals import Spread, difference, of_rows

MILLION = 1_000_000
HOUR = 3600


@dataclass(frozen=True)
class Prices:
    """Amounts per million tokens that are read, read from the cache, and written, and per hour of training."""

    input: float
    cached: float
    output: float
    training: float

    def changed(self, given: Mapping[str, float]) -> Prices:
        """These prices with those of `given` in their places."""
        return replace(self, **given)


@dataclass(frozen=True)
class Tokens:
    """What public rows need: pairs of tokens read and written, of which the first `shared` read are always the same.

    `is_by_row` is false where only the mean of one run is known, as a single pair. `shared` is None where it is not
    known.
    """

    rows: tuple[tuple[float, float], ...]
    shared: int | None
    is_by_row: bool


@dataclass(frozen=True)
class Volume:
    """After `calls` requests a training run has paid for itself; `high` is None where it may never do.

    `has_spread` is false where neither tokens nor times were measured often enough to tell how far it varies.
    """

    calls: int
    low: int
    high: int | None
    has_spread: bool


def request_costs(prices: Prices, tokens: Tokens, *, is_cached: bool) -> list[float]:
    """The cost of the request for each row, in the prices' currency. With `is_cached` the shared tokens are cheaper."""
    shared = (tokens.shared or 0) if is_cached else 0
    return [
        (prices.cached * min(shared, read) + prices.input * (read - min(shared, read)) + prices.output * written)
        / MILLION
        for read, written in tokens.rows
    ]


def mean_cost(prices: Prices, tokens: Tokens, *, is_cached: bool) -> Spread | None:
    """The mean cost of a request; None where how many tokens are shared is not known and would count."""
    if is_cached and tokens.shared is None:
        return None
    return of_rows(request_costs(prices, tokens, is_cached=is_cached))


def saved(prices: Prices, dear: Tokens, cheap: Tokens, *, is_cached: bool) -> Spread | None:
    """What a request costs less with `cheap` than with `dear`: row by row where both were measured on the same rows."""
    if is_cached and (dear.shared is None or cheap.shared is None):
        return None
    both = [request_costs(prices, tokens, is_cached=is_cached) for tokens in (dear, cheap)]
    if dear.is_by_row and cheap.is_by_row and len(both[0]) == len(both[1]):
        return of_rows([one - other for one, other in zip(*both, strict=True)])
    return difference(Spread(sum(both[0]) / len(both[0])), Spread(sum(both[1]) / len(both[1])))


def training_cost(prices: Prices, seconds: float) -> float:
    return prices.training * seconds / HOUR


def volume(spent: Sequence[float], saving: Spread) -> Volume | None:
    """How many requests it takes until savings of `saving` each are worth what was `spent` once.

    `spent` holds what the same training cost each time it was done. None where a request saves nothing.
    """
    if saving.value <= 0:
        return None
    has_spread = saving.low is not None and saving.high is not None
    most = saving.high if saving.high is not None else saving.value
    least = saving.low if saving.low is not None else saving.value
    high = _requests(max(spent), least) if least > 0 else None
    return Volume(_requests(sum(spent) / len(spent), saving.value), _requests(min(spent), most), high, has_spread)


def _requests(spent: float, saving: float) -> int:
    """Rounded up, but not for what binary fractions add."""
    return math.ceil(round(spent / saving, 6))
