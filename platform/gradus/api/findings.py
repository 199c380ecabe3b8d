"""API calls about findings: statements of a lesson together with the experiments that show them."""

from typing import Any

from ninja import Router, Status

from challenges.findings import ArmRecord, Claim, ClaimRecord, Experiment, ExperimentRecord, Finding
from challenges.findings_text import filled
from gradus.api import result_shapes as outcomes
from gradus.api import schemas
from gradus.api.auth import OPTIONAL, Request, anyone, caller, someone
from gradus.courses import catalogue
from gradus.courses.models import Lesson
from gradus.learn.findings import arms, runs
from gradus.learn.findings.shown import record_of
from gradus.learn.views.finding import with_finding

router = Router(tags=["courses"], auth=anyone)


@router.get("/lessons/{slug:id}/findings", response=list[schemas.FindingOut], openapi_extra=OPTIONAL)
def findings(request: Request, id: str) -> list[schemas.FindingOut]:
    """Returns the findings of a lesson, each with its statement, its experiment and the scores of single runs."""
    lesson = catalogue.now().lesson(id)
    return [_finding(lesson, one) for one in lesson.parsed_findings]


@router.post("/lessons/{slug:id}/findings/{slug:finding}/runs", response={201: schemas.FindingRunsOut}, auth=someone)
def finding_run_start(
    request: Request, id: str, finding: str, given: schemas.FindingRunIn
) -> Status[schemas.FindingRunsOut]:
    """Runs the prompts of one repetition of a finding's experiment on the public samples. It costs no attempt."""
    lesson, found = with_finding(id, finding)
    started = runs.start(lesson, found, caller(request), given.repetition)
    return Status(201, schemas.FindingRunsOut(runs=[outcomes.run(run) for run in started]))


def _finding(lesson: Lesson, finding: Finding) -> schemas.FindingOut:
    record = record_of(lesson, finding)
    measured = record.experiments if record else [None] * len(finding.experiments)
    return schemas.FindingOut(
        id=finding.id,
        title=finding.title,
        statement=filled(finding, record, finding.statement) if record else None,
        limits=filled(finding, record, finding.limits) if record else None,
        rows=finding.rows,
        machine=record.machine if record else None,
        day=record.day if record else None,
        experiments=[_experiment(lesson, finding, *pair) for pair in zip(finding.experiments, measured, strict=True)],
    )


def _experiment(
    lesson: Lesson, finding: Finding, experiment: Experiment, record: ExperimentRecord | None
) -> schemas.ExperimentOut:
    of_arms = record.arms if record else [None] * len(experiment.arms)
    of_claims = record.claims if record else [None] * len(finding.claims)
    return schemas.ExperimentOut(
        challenge=experiment.challenge,
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
