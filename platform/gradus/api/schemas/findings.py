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


class LearnersEffectOut(Schema):
    """A claim's difference in the sets of learners, on public samples, apart from the author's measurement.

    The interval is a confidence sequence of 95 %: it holds however often it is looked at.
    """

    challenge: str
    arms: list[str]
    measure: str
    sets: int = Field(description="How many sets of learners it is about")
    effect: float
    low: float
    high: float


class LaboratoryOut(Schema):
    """What learners have added to a finding since the author measured it, without names."""

    runs: int = Field(description="How many sets learners have run and not taken back")
    effects: list[LearnersEffectOut]


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
    laboratory: LaboratoryOut | None = Field(None, description="null if learners cannot draw sets of their own")


class PredictionIn(Schema):
    arm: str = Field(max_length=64, description="The arm that you expect to score highest")
    probability: float = Field(strict=True, description="How sure you are: 0.5, 0.6, 0.7, 0.8, 0.9 or 0.99")


class FindingRunIn(Schema):
    repetition: int | None = Field(
        None, ge=1, le=20, description="The author's repetition to run; null for the next one that you have not run"
    )
    own_set: bool = Field(
        False, strict=True, description="Run a set of examples that is drawn for you alone; not with `repetition`"
    )
    prediction: PredictionIn | None = Field(None, description="Goes with `own_set`, before its first run")


class FindingRunsOut(Schema):
    """The runs that were started. Arms that could not start, because too many runs are open, need another call."""

    runs: list[RunOut]
