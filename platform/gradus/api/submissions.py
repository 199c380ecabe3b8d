"""Submissions: submit, list, read, follow, cancel, appeal, and download an adapter or a receipt."""

import secrets
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.files.storage import storages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Header, Query, Router, Schema, Status
from pydantic import Field

from gradus.accounts.rate_limits import hashed_network
from gradus.api.auth import Request, caller, someone
from gradus.api.results import (
    TAKES,
    WAITS_BECAUSE,
    DelayOut,
    ErrorOut,
    FeedbackOut,
    Payload,
    State,
    Track,
    Verdict,
    VerifiedBy,
    error_of,
    feedback_of,
    state_of,
)
from gradus.api.runs import SSE
from gradus.classes import releases
from gradus.courses import catalogue, days
from gradus.leaderboards import boards
from gradus.receipts import services as receipts
from gradus.reviews import services as reviews
from gradus.reviews.models import APPEAL_CHARS, Appeal
from gradus.reviews.services import can_appeal
from gradus.reviews.who_grades import guest_note
from gradus.submissions import services, stream
from gradus.submissions.budgets import slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Evaluation, Score, Submission

IN_BULK = "Whether a person accepted the machine's marks together with those of other answers, without reading each"


class AppealOut(Schema):
    """The caller's appeal: with a second grader, with a person, or closed with an outcome."""

    stage: Literal["second", "person", "closed"]
    outcome: Literal["raised", "kept", "lowered"] | None = None
    text: str
    created_at: datetime
    closed_at: datetime | None = None


class SubmissionOut(Schema):
    uuid: UUID
    challenge: str
    kind: Track
    status: State
    score: float | None = Field(None, description="Rounded down to the challenge's step")
    version: str | None = Field(None, description="The version of the challenge that gave the score")
    verdict: Verdict | None = Field(None, description="null while the score is provisional")
    gold: bool = False
    verified_by: VerifiedBy | None = Field(None, description="null while the score is provisional")
    accepted_in_bulk: bool = Field(False, description=IN_BULK)
    metrics: dict[str, float] = {}
    feedback: FeedbackOut | None = None
    error: ErrorOut | None = None
    queue_position: int | None = None
    wait_s: int | None = None
    takes: str = Field("", description=TAKES)
    waits_because: DelayOut | None = Field(None, description=WAITS_BECAUSE)
    attempts_left: int | None = None
    guest_note: str | None = Field(None, description="How a free-text answer without an account is graded")
    has_artifact: bool = False
    appealed: bool = False
    can_appeal: bool = False
    appeal: AppealOut | None = Field(None, description="The newest appeal")
    created_at: datetime
    finished_at: datetime | None = None
    of_class: int | None = Field(None, description="The class for which the attempt counts")
    details_withheld: bool = Field(False, description="True while the results and marks are withheld from the caller")
    released_at: datetime | None = Field(None, description="When the grade is released, if it is withheld until a date")


class ReceiptFacts(Schema):
    """What a receipt states. Of all that depends on hidden rows, it holds the shown score and what follows from it."""

    schema_: int = Field(alias="schema")
    site: str = Field(description="The address of the site that has signed it")
    submission: UUID
    learner: str = Field(description="The learner's name on leaderboards")
    course: str
    challenge: str
    title: str
    version: str
    kind: Track
    payload_sha256: str
    model: str | None = None
    model_checkpoint: str | None = Field(None, description="The digest of the base model's weights")
    adapter_sha256: str | None = Field(None, description="The digest of the trained weights")
    engine: str
    engine_choice: str
    grader_version: str
    seed: int
    score: str = Field(description="The shown score, as a decimal number")
    provisional: bool = Field(description="Whether nobody has settled the grade yet, so that it can change")
    passed: bool | None = Field(description="null while the grade is provisional")
    gold: bool
    annulled: bool = Field(False, description="A person decided that the attempt does not count. Missing if false")
    verified_by: VerifiedBy | None = Field(None, description="null while the grade is provisional")
    accepted_in_bulk: bool = Field(False, description=IN_BULK + ". Missing where it is false")
    day: str = Field(description="The day of grading, in UTC")


class ReceiptOut(Schema):
    receipt: ReceiptFacts
    key: str = Field(description="The id of the public key, as `/.well-known/gradus-receipts.json` lists it")
    signature: str = Field(description="Ed25519 over the receipt's canonical JSON (RFC 8785), in base64url")


class SubmissionBrief(Schema):
    uuid: UUID
    challenge: str
    kind: Track
    status: State
    score: float | None = None
    version: str | None = Field(None, description="The version of the challenge that gave the score")
    verdict: Verdict | None = Field(None, description="null while the score is provisional")
    gold: bool = False
    verified_by: VerifiedBy | None = None
    accepted_in_bulk: bool = Field(False, description=IN_BULK)
    error: ErrorOut | None = None
    created_at: datetime


class AppealIn(Schema):
    text: str = Field(min_length=1, max_length=APPEAL_CHARS)


def score_of(evaluation: Evaluation) -> Score | None:
    return getattr(evaluation, "score", None)


def _scored(evaluation: Evaluation) -> dict[str, Any]:
    score = score_of(evaluation)
    if score is None:
        return {}
    return {
        "score": score.shown,
        "version": evaluation.version.version,
        "verdict": None if score.provisional else "passed" if score.passed else "not_passed",
        "gold": score.gold,
        "verified_by": score.verified_by,
        "accepted_in_bulk": score.in_bulk,
    }


def submission_out(submission: Submission) -> SubmissionOut:
    evaluation = submission.current
    result = evaluation.result or {}
    return SubmissionOut.model_validate(
        {
            "uuid": submission.uuid,
            "challenge": submission.challenge.slug,
            "kind": submission.kind,
            **state_of(evaluation),
            **_scored(evaluation),
            "metrics": result.get("metrics", {}),
            "feedback": feedback_of(evaluation),
            "attempts_left": slots.attempts_left(
                Use(user=submission.user, challenge=submission.challenge, of_class=submission.of_class_id)
            ),
            "guest_note": guest_note(submission.user, submission.kind) or None,
            "has_artifact": bool(evaluation.artifact),
            **_appeal(submission),
            "created_at": submission.created_at,
            "finished_at": boards.whole_second(evaluation.finished_at) if evaluation.finished_at else None,
            "of_class": submission.of_class_id,
            "details_withheld": submission.details_withheld,
            "released_at": _released_at(submission),
        }
    )


def _released_at(submission: Submission) -> datetime | None:
    if not submission.grade_withheld or submission.of_class is None:
        return None
    return releases.rule_of(submission.of_class, submission.challenge).score_at


def _appeal(submission: Submission) -> dict[str, Any]:
    made = submission.appeals.order_by("-pk").first()
    return {"appealed": made is not None, "can_appeal": can_appeal(submission), "appeal": made and appeal_out(made)}


def appeal_out(made: Appeal) -> dict[str, Any]:
    return {
        "stage": made.stage,
        "text": made.text,
        "created_at": made.created_at,
        "closed_at": boards.whole_second(made.closed_at) if made.closed_at else None,
        "outcome": made.outcome or None,
    }


def submission_brief(submission: Submission) -> SubmissionBrief:
    evaluation = submission.current
    return SubmissionBrief.model_validate(
        {
            "uuid": submission.uuid,
            "challenge": submission.challenge.slug,
            "kind": submission.kind,
            "status": evaluation.state,
            "error": error_of(evaluation),
            "created_at": submission.created_at,
            **_scored(evaluation),
        }
    )


router = Router(tags=["submissions"], auth=someone)


Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=80)]

Withdraw = Annotated[
    bool,
    Query(
        description="Whether the caller agrees that earlier answers to this question, which have no final grade yet, "
        "are withdrawn and given back as soon as this one waits for a person"
    ),
]


OfClass = Annotated[
    int | None,
    Query(
        alias="class",
        description="The class for which the attempt counts; needed only if it could count for two or more classes",
    ),
]


ZIP = {"responses": {200: {"description": "The adapter", "content": {"application/zip": {}}}}}


def own(request: Request, uuid: UUID) -> Submission:
    """Returns the caller's submission. Raises `Http404` if it does not exist or belongs to somebody else."""
    found = Submission.objects.of(caller(request)).with_current().select_related("user")
    return get_object_or_404(found, uuid=uuid)


@router.post("/challenges/{slug:id}/submissions", response={201: SubmissionOut})
def submit(
    request: Request,
    id: str,
    payload: Payload,
    response: HttpResponse,
    key: Key = None,
    withdraw_earlier: Withdraw = False,
    of_class: OfClass = None,
) -> Status[SubmissionOut]:
    """Submits an attempt. A second request with the same Idempotency-Key and payload returns the same submission.

    Only a learner's latest answer in free text waits for a person. A request that would withdraw an earlier one is
    refused with 409 and the code `earlier_waits`, unless `withdraw_earlier` is true. If the caller is in two or more
    running classes of the course, a request without `class` is refused with 422 and the code `class_needed`; its
    problems list these classes.
    """
    challenge = catalogue.now().challenge(id)
    network = hashed_network(request, days.today(challenge.lesson.course.timezone))
    key = key or secrets.token_urlsafe(24)
    made, _ = services.submit(
        caller(request),
        challenge,
        payload.root,
        idempotency_key=key,
        network=network,
        withdraw_earlier=withdraw_earlier,
        of_class=of_class,
    )
    response["Location"] = reverse("api:submission", args=[made.uuid])
    return Status(201, submission_out(own(request, made.uuid)))


@router.get("/submissions", response=list[SubmissionBrief])
def submissions(
    request: Request,
    challenge: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: UUID | None = None,
) -> list[SubmissionBrief]:
    """Returns the caller's submissions, newest first. `before` is the id of the last submission of the page before."""
    found = Submission.objects.of(caller(request)).with_current()
    if challenge is not None:
        found = found.filter(challenge__slug=challenge)
    if before is not None:
        found = found.filter(pk__lt=own(request, before).pk)
    return [submission_brief(item) for item in found[:limit]]


@router.get("/submissions/{uuid:uuid}", response=SubmissionOut, url_name="submission")
def submission(request: Request, uuid: UUID) -> SubmissionOut:
    """Returns one submission of the caller with its state and its result."""
    return submission_out(own(request, uuid))


@router.get("/submissions/{uuid:uuid}/events", openapi_extra=SSE)
def submission_events(request: Request, uuid: UUID) -> HttpResponseBase:
    """Streams events as they happen, beginning after `Last-Event-ID` if it is sent. Ends after `finished`."""
    return stream.response(request, own(request, uuid))


@router.post("/submissions/{uuid:uuid}/cancel", response=SubmissionOut)
def submission_cancel(request: Request, uuid: UUID) -> SubmissionOut:
    """Cancels an attempt. Ten waiting attempts a day are given back to the quota, and two running ones."""
    services.cancel(own(request, uuid))
    return submission_out(own(request, uuid))


@router.post("/submissions/{uuid:uuid}/appeal", response=SubmissionOut)
def submission_appeal(request: Request, uuid: UUID, appeal: AppealIn) -> SubmissionOut:
    """Appeals against a free-text grade. A second grader checks it if one is set up, then a person."""
    reviews.appeal(own(request, uuid), appeal.text)
    return submission_out(own(request, uuid))


@router.get("/submissions/{uuid:uuid}/artifact", openapi_extra=ZIP)
def submission_artifact(request: Request, uuid: UUID) -> HttpResponse:
    """Returns the caller's own adapter as a zip file with a model card."""
    found = own(request, uuid)
    name, store = found.current.artifact, storages["artifacts"]
    if not name or not store.exists(name):
        raise Http404
    with store.open(name) as file:
        answer = HttpResponse(file.read(), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{found.challenge.slug}-adapter.zip"'
    return answer


@router.get("/submissions/{uuid:uuid}/receipt", response=ReceiptOut, by_alias=True, exclude_unset=True)
def submission_receipt(request: Request, uuid: UUID) -> dict[str, Any]:
    """Returns the signed receipt of the caller's score, as `gradus verify` checks it. 404 while there is no score."""
    found = receipts.receipt(own(request, uuid), request.build_absolute_uri("/").rstrip("/"))
    if found is None:
        raise Http404
    return found
