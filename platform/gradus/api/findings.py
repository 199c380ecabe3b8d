"""API calls about findings: statements of a lesson together with the experiments that show them."""

from collections.abc import Mapping
from typing import Any

from ninja import Router, Status

from challenges.findings.spec import ArmRecord, Claim, ClaimRecord, Experiment, ExperimentRecord, Finding
from challenges.findings.text import filled
from gradus.api import result_shapes as outcomes
from gradus.api import schemas
from gradus.api.auth import OPTIONAL, Request, anyone, caller, someone
from gradus.courses import catalogue
from gradus.courses.models import Lesson
from gradus.laboratory import arms, own_sets, runs
from gradus.laboratory.own_sets import Guess
from gradus.learn.findings.dots import Dot, dots_of, together
from gradus.learn.findings.shown import record_of
from gradus.learn.views.finding import with_finding
from gradus.submissions.services import Refused

router = Router(tags=["courses"], auth=anyone)


@router.get("/lessons/{slug:id}/findings", response=list[schemas.FindingOut], openapi_extra=OPTIONAL)
def findings(request: Request, id: str) -> list[schemas.FindingOut]:
    """Returns the findings of a lesson, each with its statement, its experiment and the scores of single runs."""
    lesson = catalogue.now().lesson(id)
    shown = dots_of(lesson, lesson.parsed_findings, None)
    return [_finding(lesson, one, shown[one.id]) for one in lesson.parsed_findings]


@router.post("/lessons/{slug:id}/findings/{slug:finding}/runs", response={201: schemas.FindingRunsOut}, auth=someone)
def finding_run_start(
    request: Request, id: str, finding: str, given: schemas.FindingRunIn
) -> Status[schemas.FindingRunsOut]:
    """Runs the prompts of one repetition of a finding's experiment on the public samples. It costs no attempt.

    With `own_set` it draws a set of examples for you alone; when all its runs have ended, it counts for everybody.
    """
    lesson, found = with_finding(id, finding)
    _hold_together(given)
    if given.own_set:
        started = own_sets.start(lesson, found, caller(request), _guess(given))
    else:
        started = runs.start(lesson, found, caller(request), given.repetition)
    return Status(201, schemas.FindingRunsOut(runs=[outcomes.run(run) for run in started]))


def _hold_together(given: schemas.FindingRunIn) -> None:
    """Raises `Refused` where one field rules out another."""
    if given.own_set and given.repetition is not None:
        raise _refused("repetition", "Leave `repetition` out: the number of your own set is drawn.")
    if given.prediction and not given.own_set:
        raise _refused("prediction", "A prediction is about a set of your own: set `own_set` to true.")


def _refused(field: str, said: str) -> Refused:
    return Refused("not_together", said, problems=[{"code": "not_together", "field": field, "message": said}])


def _guess(given: schemas.FindingRunIn) -> Guess | None:
    return Guess(given.prediction.arm, given.prediction.probability) if given.prediction else None


def _finding(lesson: Lesson, finding: Finding, dots: list[Dot]) -> schemas.FindingOut:
    record = record_of(lesson, finding)
    measured = record.experiments if record else [None] * len(finding.experiments)
    ids = dict(lesson.challenges.values_list("name", "slug"))
    return schemas.FindingOut(
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


def _laboratory(finding: Finding, ids: Mapping[str, str], dots: list[Dot]) -> schemas.LaboratoryOut:
    found = [
        (ids[experiment.challenge], claim, together(claim, experiment, dots))
        for experiment in finding.experiments
        for claim in finding.claims
    ]
    effects = [
        schemas.LearnersEffectOut(
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
    return schemas.LaboratoryOut(runs=len(dots), effects=effects)


def _experiment(
    lesson: Lesson,
    finding: Finding,
    ids: Mapping[str, str],
    experiment: Experiment,
    record: ExperimentRecord | None,
) -> schemas.ExperimentOut:
    of_arms = record.arms if record else [None] * len(experiment.arms)
    of_claims = record.claims if record else [None] * len(finding.claims)
    return schemas.ExperimentOut(
        challenge=ids[experiment.challenge],
        rows=record.rows if record else None,
        arms=[
            schemas.ArmOut(
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


def _claim(claim: Claim, record: ClaimRecord | None) -> schemas.ClaimOut:
    said = {"claimed": claim.found, **claim.model_dump(include={"arms", "varies", "measure", "at_least", "best"})}
    return schemas.ClaimOut(**said, **(record.model_dump() if record else {}))
