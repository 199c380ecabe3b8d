"""Shadow runs, which grade again before the new grades count. For all but reviewers, these calls answer 404."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from gradus.accounts.token_rules import LearnerData, Scope
from gradus.api.auth import Request, requires
from gradus.api.reviews import READS, reviewer
from gradus.courses import verification
from gradus.reviews import queue, services
from gradus.reviews.models import Regrade
from gradus.reviews.regrade_matrix import Change, matrix
from gradus.submissions.models import Submission


class RegradeIn(Schema):
    note: str = Field("", max_length=300)
    submissions: list[UUID] | None = Field(None, description="The submissions to grade again; all if left out")


class RegradeBrief(Schema):
    id: int
    challenge: str
    note: str
    started_at: datetime
    outcome: str = Field(description="approved, discarded, or empty while it is open")
    version: str | None = Field(description="The challenge's version by which it grades")
    is_outdated: bool = Field(False, description="Whether another version has gone live since it began")
    next_version: str = Field("", description="A published version that goes live as soon as it is verified")
    left_out: dict[str, int] = Field(description="Submissions that were not graded again, by reason")
    entry: int | None = Field(None, description="The entry of the leaderboards whose attempts alone are graded again")
    learner: str | None = Field(None, description="The name of its learner on leaderboards")


class ChangeOut(Schema):
    submission: UUID = Field(validation_alias="item.new.submission.uuid")
    old: float
    new: float | None = None
    change: Literal["raised", "same", "lowered", "in_doubt", "not_graded", "waiting"] = Field(validation_alias="kind")
    passed_before: bool
    passes: bool
    before: str = Field(description="The version that gave the old score")
    after: str = Field(description="The version that gave the new score")
    counts: bool = Field(description="Whether the new grade was adopted")
    kept_because: str | None = Field(description="Why the old grade stayed when the run was approved")

    @staticmethod
    def resolve_counts(change: Change) -> bool:
        return change.item.adopted_at is not None

    @staticmethod
    def resolve_kept_because(change: Change) -> str | None:
        return change.item.kept_because or None


class RegradeOut(RegradeBrief):
    """`marks[old][new]` counts criterion marks; `kept` counts by reason the grades that stayed."""

    waiting: int
    adopted: int
    kept: dict[str, int]
    kinds: dict[str, int]
    passes_gained: int
    passes_lost: int
    marks: dict[str, dict[str, int]]
    changes: list[ChangeOut]


class ApprovalIn(Schema):
    lower: bool = Field(
        False, strict=True, description="Also lower grades that learners have been shown; you are responsible for that"
    )


class ApprovalOut(Schema):
    """How many grades were `adopted`, and how many were not, by reason."""

    done: dict[str, int]


def regrade_brief(regrade: Regrade) -> dict[str, Any]:
    kept = {key: getattr(regrade, key) for key in ("note", "started_at", "outcome", "left_out")}
    more = {
        "version": regrade.version.version if regrade.version else None,
        "is_outdated": not regrade.outcome and services.is_outdated(regrade),
        "next_version": "" if regrade.outcome else verification.next_version(regrade.challenge),
        "entry": regrade.learner_id,
        "learner": regrade.learner.name_on_boards if regrade.learner else None,
    }
    return {"id": regrade.pk, "challenge": regrade.challenge.slug, **more, **kept}


def regrade_out(regrade: Regrade) -> RegradeOut:
    found = matrix(regrade)
    names = ("waiting", "kinds", "passes_gained", "passes_lost", "marks", "adopted", "kept", "changes")
    return RegradeOut.model_validate({**regrade_brief(regrade), **{name: getattr(found, name) for name in names}})


router = Router(tags=["reviews"], auth=requires(Scope(learner_data=LearnerData.EDITOR)))


def visible_regrade(request: Request, id: int) -> Regrade:
    return get_object_or_404(queue.regrades_for(reviewer(request)), pk=id)


@router.get("/regrades", response=list[RegradeBrief], auth=READS)
def regrades(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[RegradeBrief]:
    """Returns the shadow runs, newest first."""
    found = queue.regrades_for(reviewer(request))[:limit]
    return [RegradeBrief.model_validate(regrade_brief(one)) for one in found]


@router.post("/challenges/{slug:id}/regrades", response={201: RegradeOut})
def regrade_start(request: Request, id: str, given: RegradeIn) -> Status[RegradeOut]:
    """Starts a shadow run: submissions are graded again, and the new grades do not count yet."""
    user = reviewer(request)
    challenge = get_object_or_404(queue.challenges_of(user), slug=id)
    chosen = None if given.submissions is None else Submission.objects.filter(uuid__in=given.submissions)
    made = services.start_regrade(challenge, by=user, submissions=chosen, note=given.note)
    return Status(201, regrade_out(made))


@router.get("/regrades/{int:id}", response=RegradeOut, auth=READS)
def regrade(request: Request, id: int) -> RegradeOut:
    """Returns what a shadow run would change."""
    return regrade_out(visible_regrade(request, id))


@router.post("/regrades/{int:id}/approve", response=ApprovalOut)
def regrade_approve(request: Request, id: int, given: ApprovalIn) -> ApprovalOut:
    """Approves a shadow run: its grades count from now on. Released grades are lowered only with `lower`."""
    done = services.approve(visible_regrade(request, id), by=reviewer(request), lower=given.lower)
    return ApprovalOut(done=dict(done))


@router.post("/regrades/{int:id}/discard", response=RegradeOut)
def regrade_discard(request: Request, id: int) -> RegradeOut:
    """Discards a shadow run. No grade changes."""
    services.discard(visible_regrade(request, id), by=reviewer(request))
    return regrade_out(visible_regrade(request, id))
