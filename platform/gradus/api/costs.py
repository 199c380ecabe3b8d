"""What each method costs on a challenge, and after how many requests training has paid for itself."""

from dataclasses import asdict
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema
from pydantic import Field

from gradus.api.auth import OPTIONAL, Request, anyone, caller_or_none, someone
from gradus.api.results import Track
from gradus.courses.models import Challenge
from gradus.learn.access import shown_challenge
from gradus.learn.costs import prices as cost_prices
from gradus.learn.costs.comparison import BreakEven, Comparison, Line, comparison, is_compared
from gradus.learn.costs.entries import Entry
from gradus.learn.costs.money import Prices, Volume
from gradus.learn.costs.prices import MOST, currency


class PricesIn(Schema):
    """Prices to calculate with; one that is left out is the site's."""

    input: float | None = Field(None, ge=0, le=MOST, description="For a million tokens that are read")
    cached: float | None = Field(None, ge=0, le=MOST, description="For a million tokens that are read from the cache")
    output: float | None = Field(None, ge=0, le=MOST, description="For a million tokens that are written")
    training: float | None = Field(None, ge=0, le=MOST, description="For an hour of training")


class PricesOut(Schema):
    currency: str
    input: float
    cached: float
    output: float
    training: float


class SpreadOut(Schema):
    """A number and how far it varies. `low` and `high` are null where it was found only once."""

    value: float
    low: float | None = None
    high: float | None = None


class CostOut(Schema):
    """The caller's best attempt with a method, or a result of the author."""

    approach: str
    title: str
    kind: Track
    own: bool
    name: str = Field(description="The author's name for it, or that it is the caller's best")
    submission: str | None = Field(None, description="The id of the caller's attempt")
    score: float
    low: float | None = Field(None, description="The 95 % interval of the score, null where none can be given")
    high: float | None = None
    trainable_share: float | None = Field(None, description="The share of the weights that was trained")
    bytes: int | None = Field(None, description="The size on disk of what was trained")
    peak_bytes: int | None = Field(None, description="The most memory that training held on top of the base model")
    training_seconds: list[int] = Field(description="How long the same training took, each time; empty without any")
    tokens_read: SpreadOut | None = Field(None, description="The mean per request, over public samples")
    tokens_shared: int | None = Field(None, description="The tokens read that are the same for every request")
    tokens_written: SpreadOut | None = None
    ms: SpreadOut | None = Field(None, description="The median of several repetitions on an idle machine")
    training_cost: float | None = None
    per_thousand: SpreadOut | None = Field(None, description="The cost of a thousand requests")
    per_thousand_cached: SpreadOut | None = Field(None, description="The same with prompt caching")


class VolumeOut(Schema):
    """A number of requests. `high` is null where the training may never pay."""

    requests: int
    low: int | None = None
    high: int | None = None


class BreakEvenOut(Schema):
    """After how many requests a training has paid for itself. Null: never, or not `known` yet."""

    approach: str
    title: str
    name: str
    own: bool
    money: VolumeOut | None = None
    money_cached: VolumeOut | None = None
    time: VolumeOut | None = None
    known: list[str] = Field(description="Which of `money`, `money_cached` and `time` are known")


class CostsOut(Schema):
    challenge: str
    version: str
    hidden_rows: int = Field(description="About how many hidden samples there are: rounded down; 0 for fewer than ten")
    prices: PricesOut
    costs: list[CostOut]
    compared_with: str | None = Field(None, description="The prompt that trained methods are compared with")
    break_even: list[BreakEvenOut]


def costs_out(challenge: Challenge, found: Comparison, prices: Prices) -> dict[str, Any]:
    assert challenge.version is not None
    return {
        "challenge": challenge.slug,
        "version": challenge.version.version,
        "hidden_rows": found.rows,
        "prices": {"currency": currency(), **asdict(prices)},
        "costs": [_cost(line) for line in found.lines],
        "compared_with": _named(found.prompt) if found.prompt else None,
        "break_even": [_break_even(one) for one in found.break_evens],
    }


def _named(entry: Entry) -> str:
    return f"{entry.title}: {entry.name}"


def _cost(line: Line) -> dict[str, Any]:
    entry = line.entry
    low, high = entry.interval or (None, None)
    size = entry.training.get("adapter_bytes")
    return {
        "approach": entry.approach,
        "title": entry.title,
        "kind": entry.kind,
        "own": entry.is_own,
        "name": entry.name,
        "submission": str(entry.submission.uuid) if entry.submission else None,
        "score": entry.score,
        "low": low,
        "high": high,
        "trainable_share": entry.training.get("trainable_share"),
        "bytes": None if size is None else int(size),
        "peak_bytes": None if entry.peak_bytes is None else int(entry.peak_bytes),
        "training_seconds": [int(seconds) for seconds in entry.training_seconds],
        "tokens_read": line.read,
        "tokens_shared": entry.tokens.shared if entry.tokens else None,
        "tokens_written": line.written,
        "ms": entry.ms,
        "training_cost": line.training,
        "per_thousand": line.plain,
        "per_thousand_cached": line.cached,
    }


def _break_even(found: BreakEven) -> dict[str, Any]:
    known = {"money": True, "money_cached": found.knows_cache, "time": found.knows_time}
    return {
        "approach": found.entry.approach,
        "title": found.entry.title,
        "name": found.entry.name,
        "own": found.entry.is_own,
        "money": _volume(found.plain),
        "money_cached": _volume(found.cached),
        "time": _volume(found.time),
        "known": [name for name, is_known in known.items() if is_known],
    }


def _volume(found: Volume | None) -> VolumeOut | None:
    if found is None:
        return None
    ends = {"low": found.low, "high": found.high} if found.has_spread else {}
    return VolumeOut(requests=found.calls, **ends)


router = Router(tags=["challenges"], auth=someone)


@router.get("/challenges/{slug:id}/costs", response=CostsOut, auth=anyone, openapi_extra=OPTIONAL)
def costs(request: Request, id: str, prices: Query[PricesIn]) -> dict[str, Any]:
    """Returns what each method costs: the caller's best attempts and the author's results on the same hidden rows."""
    found = shown_challenge(request, id)
    if not is_compared(found):
        raise Http404
    asked = cost_prices.of_site().changed(prices.model_dump(exclude_none=True))
    return costs_out(found, comparison(found, caller_or_none(request), asked), asked)
