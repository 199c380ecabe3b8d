"""From a comparison of what methods cost to what the API gives."""

from dataclasses import asdict

from gradus.api import schemas
from gradus.courses.models import Challenge
from gradus.learn.chance import Spread
from gradus.learn.costs.comparison import BreakEven, Comparison, Line
from gradus.learn.costs.entries import Entry
from gradus.learn.costs.money import Prices, Volume
from gradus.learn.costs.prices import currency


def costs(challenge: Challenge, found: Comparison, prices: Prices) -> schemas.CostsOut:
    assert challenge.version is not None
    return schemas.CostsOut(
        challenge=challenge.slug,
        version=challenge.version.version,
        hidden_rows=found.rows,
        prices=schemas.PricesOut(currency=currency(), **asdict(prices)),
        costs=[_cost(line) for line in found.lines],
        compared_with=_named(found.prompt) if found.prompt else None,
        break_even=[_break_even(one) for one in found.break_evens],
    )


def _named(entry: Entry) -> str:
    return f"{entry.title}: {entry.name}"


def _cost(line: Line) -> schemas.CostOut:
    entry = line.entry
    low, high = entry.interval or (None, None)
    size = entry.training.get("adapter_bytes")
    return schemas.CostOut(
        approach=entry.approach,
        title=entry.title,
        kind=entry.kind,
        own=entry.is_own,
        name=entry.name,
        submission=str(entry.submission.uuid) if entry.submission else None,
        score=entry.score,
        low=low,
        high=high,
        trainable_share=entry.training.get("trainable_share"),
        bytes=None if size is None else int(size),
        peak_bytes=None if entry.peak_bytes is None else int(entry.peak_bytes),
        training_seconds=[int(seconds) for seconds in entry.training_seconds],
        tokens_read=_spread(line.read),
        tokens_shared=entry.tokens.shared if entry.tokens else None,
        tokens_written=_spread(line.written),
        ms=_spread(entry.ms),
        training_cost=line.training,
        per_thousand=_spread(line.plain),
        per_thousand_cached=_spread(line.cached),
    )


def _spread(found: Spread | None) -> schemas.SpreadOut | None:
    return schemas.SpreadOut(**asdict(found)) if found else None


def _break_even(found: BreakEven) -> schemas.BreakEvenOut:
    known = {"money": True, "money_cached": found.knows_cache, "time": found.knows_time}
    return schemas.BreakEvenOut(
        approach=found.entry.approach,
        title=found.entry.title,
        name=found.entry.name,
        own=found.entry.is_own,
        money=_volume(found.plain),
        money_cached=_volume(found.cached),
        time=_volume(found.time),
        known=[name for name, is_known in known.items() if is_known],
    )


def _volume(found: Volume | None) -> schemas.VolumeOut | None:
    if found is None:
        return None
    ends = {"low": found.low, "high": found.high} if found.has_spread else {}
    return schemas.VolumeOut(requests=found.calls, **ends)
