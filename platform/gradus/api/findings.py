"""Findings: statements of a lesson together with the experiments that show them."""

from collections.abc import Mapping
from typing import Any

from ninja import Router, Schema, Status
from pydantic import Field

from challenges.findings.spec import ArmRecord, Claim, ClaimRecord, Experiment, ExperimentRecord, Finding
from challenges.findings.text import filled
from gradus.api.auth import OPTIONAL, Request, anyone, caller, someone
from gradus.api.runs import RunOut, run_out
from gradus.courses.models import Lesson
from gradus.laboratory import arms, own_sets, runs
from gradus.laboratory.own_sets import Guess
from gradus.learn.access import shown_lesson
from gradus.learn.findings.dots import Dot, dots_of, together
from gradus.learn.findings.shown import record_of
from gradus.learn.views.finding import with_finding
from gradus.submissions.services import Refused


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


router = Router(tags=["courses"], auth=anyone)


@router.get("/lessons/{slug:id}/findings", response=list[FindingOut], openapi_extra=OPTIONAL)
def findings(request: Request, id: str) -> list[FindingOut]:
    """Returns the findings of a lesson, each with its statement, its experiment and the scores of single runs."""
    lesson = shown_lesson(request, id)
    shown = dots_of(lesson, lesson.parsed_findings, None)
    return [_finding(lesson, one, shown[one.id]) for one in lesson.parsed_findings]


@router.post("/lessons/{slug:id}/findings/{slug:finding}/runs", response={201: FindingRunsOut}, auth=someone)
def finding_run_start(request: Request, id: str, finding: str, given: FindingRunIn) -> Status[FindingRunsOut]:
    """Runs the prompts of one repetition of a finding's experiment on the public samples. It costs no attempt.

    With `own_set` it draws a set of examples for you alone; when all its runs have ended, it counts for everybody.
    """
    lesson, found = with_finding(request, id, finding)
    _hold_together(given)
    if given.own_set:
        started = own_sets.start(lesson, found, caller(request), _guess(given))
    else:
        started = runs.start(lesson, found, caller(request), given.repetition)
    return Status(201, FindingRunsOut(runs=[run_out(run) for run in started]))


def _hold_together(given: FindingRunIn) -> None:
    """Raises `Refused` where one field rules out another."""
    if given.own_set and given.repetition is not None:
        raise _refused("repetition", "Leave `repetition` out: the number of your own set is drawn.")
    if given.prediction and not given.own_set:
        raise _refused("prediction", "A prediction is about a set of your own: set `own_set` to true.")


def _refused(field: str, said: str) -> Refused:
    return Refused("not_together", said, problems=[{"code": "not_together", "field": field, "message": said}])


def _guess(given: FindingRunIn) -> Guess | None:
    return Guess(given.prediction.arm, given.prediction.probability) if given.prediction else None


def _finding(lesson: Lesson, finding: Finding, dots: list[Dot]) -> FindingOut:
    record = record_of(lesson, finding)
    measured = record.experiments if record else [None] * len(finding.experiments)
    ids = dict(lesson.challenges.values_list("name", "slug"))
    return FindingOut(
        id=finding.id,
        title=finding.title,
        statement=filled(finding, record, finding.statement) if record else None,
        limits=filled(finding, record, finding.limits) if record else None,
        rows=finding.rows,
        machine=record.machine if record else None,
        day=record.day if record else None,
        experiments=[_experiment(lesson, finding, ids, *p) for p in zip(finding.experiments, measured, strict=True)],
        laboratory=_laboratory(finding, ids, dots) if arms.has_own_sets(lesson, finding) else None,
    )


def _laboratory(finding: Finding, ids: Mapping[str, str], dots: list[Dot]) -> LaboratoryOut:
    found = [
        (ids[experiment.challenge], claim, together(claim, experiment, dots))
        for experiment in finding.experiments
        for claim in finding.claims
    ]
    effects = [
        LearnersEffectOut(
            challenge=challenge,
            arms=list(claim.arms),
            measure=claim.measure,
            sets=len(one.values),
            effect=one.mean,
            low=one.low,
            high=one.high,
        )
        for challenge, claim, one in found
        if one is not None
    ]
    return LaboratoryOut(runs=len(dots), effects=effects)


def _experiment(
    lesson: Lesson,
    finding: Finding,
    ids: Mapping[str, str],
    experiment: Experiment,
    record: ExperimentRecord | None,
) -> ExperimentOut:
    of_arms = record.arms if record else [None] * len(experiment.arms)
    of_claims = record.claims if record else [None] * len(finding.claims)
    return ExperimentOut(
        challenge=ids[experiment.challenge],
        rows=record.rows if record else None,
        arms=[
            ArmOut(
                id=arm.id,
                title=arm.title,
                repetitions=0 if arms.is_trained(lesson, experiment, arm) else arms.count(arm),
                **_measured(found),
            )
            for arm, found in zip(experiment.arms, of_arms, strict=True)
        ],
        claims=[_claim(*pair) for pair in zip(finding.claims, of_claims, strict=True)],
    )


def _measured(record: ArmRecord | None) -> dict[str, Any]:
    return record.model_dump(include={"runs", "mean", "sd"}) if record else {"runs": [], "mean": {}, "sd": {}}


def _claim(claim: Claim, record: ClaimRecord | None) -> ClaimOut:
    said = {"claimed": claim.found, **claim.model_dump(include={"arms", "varies", "measure", "at_least", "best"})}
    return ClaimOut(**said, **(record.model_dump() if record else {}))
