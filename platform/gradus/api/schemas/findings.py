"""Schemas of findings: the statements of a lesson, their experiments and the measurements."""

from ninja import Schema
from pydantic import Field

from gradus.api.schemas.results import RunOut


class ArmRunOut(Schema):
    """A repetition that the author measured: its scores by measure, on the finding's samples and the public ones."""

    name: str
    values: dict[str, float]
    public: dict[str, float]


class ArmOut(Schema):
    id: str
    title: str
    repetitions: int = Field(description="How many repetitions a learner can run; 0 for an arm that is trained")
    runs: list[ArmRunOut] = Field(description="What the author measured; empty if nothing was measured")
    mean: dict[str, float]
    sd: dict[str, float]


class ClaimOut(Schema):
    """A claim about arms. The fields from `effect` on are measurements, and null if nothing was measured."""

    arms: list[str]
    varies: str
    measure: str
    claimed: str
    at_least: float
    best: bool
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    found: str | None = None
    holds: bool | None = None


class ExperimentOut(Schema):
    challenge: str
    rows: int | None = Field(None, description="How many samples were measured")
    arms: list[ArmOut]
    claims: list[ClaimOut]


class FindingOut(Schema):
    id: str
    title: str
    statement: str | None = Field(None, description="null if nothing was measured")
    limits: str | None = Field(None, description="What the finding does not show")
    rows: str = Field(description="The samples that were measured: `hidden` or `public`")
    machine: str | None = None
    day: str | None = None
    experiments: list[ExperimentOut]


class FindingRunIn(Schema):
    repetition: int | None = Field(
        None, ge=1, le=20, description="The repetition to run; null for the next one that you have not run"
    )


class FindingRunsOut(Schema):
    """The runs that were started. Arms that could not start, because too many runs are open, need another call."""

    runs: list[RunOut]
