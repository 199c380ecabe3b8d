"""Schemas of what methods cost on a challenge."""

from ninja import Schema
from pydantic import Field

from gradus.api.schemas.content import Track
from gradus.learn.costs.prices import MOST


class PricesIn(Schema):
    """Prices to reckon with; one that is left out is the site's."""

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
