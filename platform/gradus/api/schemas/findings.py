"""Findings of a lesson: what is stated, the experiment behind it, and what it gave."""

from ninja import Schema
from pydantic import Field

from gradus.api.schemas.results import RunOut


class ArmRunOut(Schema):
    """One repetition by the author: raw scores by measure, on the finding's rows and on the public rows."""

    name: str
    values: dict[str, float]
    public: dict[str, float]


class ArmOut(Schema):
    id: str
    title: str
    repetitions: int = Field(description="How many a learner can run; 0 for an arm that is trained")
    runs: list[ArmRunOut] = Field(description="What the author measured; empty where nothing was")
    mean: dict[str, float]
    sd: dict[str, float]


class ClaimOut(Schema):
    """What was claimed of arms; from `effect` on what was measured, null where nothing was."""

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
    rows: int | None = Field(None, description="How many rows the measurement had")
    arms: list[ArmOut]
    claims: list[ClaimOut]


class FindingOut(Schema):
    id: str
    title: str
    statement: str | None = Field(None, description="null where nothing was measured")
    limits: str | None = Field(None, description="What the finding does not show")
    rows: str = Field(description="`hidden` or `public`: the rows that the measurement is about")
    machine: str | None = None
    day: str | None = None
    experiments: list[ExperimentOut]


class FindingRunIn(Schema):
    repetition: int | None = Field(None, ge=1, le=20, description="null for the next one that you have not run")


class FindingRunsOut(Schema):
    """Follow each run. Arms that could not start, because too many runs are open, start with another call."""

    runs: list[RunOut]
