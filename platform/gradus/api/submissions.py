"""API calls about submissions: submit, list, read, follow, cancel, appeal, and download an adapter."""

import secrets
from typing import Annotated, Any
from uuid import UUID

from django.core.files.storage import storages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Header, Query, Router, Status

from gradus.accounts.rate_limits import hashed_network
from gradus.api import result_shapes as outcomes
from gradus.api import schemas
from gradus.api.auth import Request, caller, someone
from gradus.courses import days
from gradus.courses.models import Challenge
from gradus.receipts import services as receipts
from gradus.reviews import services as reviews
from gradus.submissions import services, stream
from gradus.submissions.models import Submission

router = Router(tags=["submissions"], auth=someone)
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=80)]
SSE = {
    "responses": {
        200: {"description": "Server-sent events", "content": {"text/event-stream": {}}},
        204: {"description": "There are no events after `Last-Event-ID`, and there will be none"},
    }
}
ZIP = {"responses": {200: {"description": "The adapter", "content": {"application/zip": {}}}}}


def own(request: Request, uuid: UUID) -> Submission:
    """Returns the caller's submission. Raises `Http404` if it does not exist or belongs to somebody else."""
    found = Submission.objects.of(caller(request)).with_current().select_related("user")
    return get_object_or_404(found, uuid=uuid)


@router.post("/challenges/{slug:id}/submissions", response={201: schemas.SubmissionOut})
def submit(
    request: Request, id: str, payload: schemas.Payload, response: HttpResponse, key: Key = None
) -> Status[schemas.SubmissionOut]:
    """Submits an attempt. A second request with the same Idempotency-Key and payload returns the same submission."""
    challenge = get_object_or_404(Challenge.objects.shown(), slug=id)
    network = hashed_network(request, days.today(challenge.lesson.course.timezone))
    key = key or secrets.token_urlsafe(24)
    made, _ = services.submit(caller(request), challenge, payload.root, idempotency_key=key, network=network)
    response["Location"] = reverse("api:submission", args=[made.uuid])
    return Status(201, outcomes.submission(own(request, made.uuid)))


@router.get("/submissions", response=list[schemas.SubmissionBrief])
def submissions(
    request: Request,
    challenge: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: UUID | None = None,
) -> list[schemas.SubmissionBrief]:
    """Returns the caller's submissions, newest first. `before` is the id of the last submission of the page before."""
    found = Submission.objects.of(caller(request)).with_current()
    if challenge is not None:
        found = found.filter(challenge__slug=challenge)
    if before is not None:
        found = found.filter(pk__lt=own(request, before).pk)
    return [outcomes.submission_brief(item) for item in found[:limit]]


@router.get("/submissions/{uuid:uuid}", response=schemas.SubmissionOut, url_name="submission")
def submission(request: Request, uuid: UUID) -> schemas.SubmissionOut:
    """Returns one submission of the caller with its state and its result."""
    return outcomes.submission(own(request, uuid))


@router.get("/submissions/{uuid:uuid}/events", openapi_extra=SSE)
def submission_events(request: Request, uuid: UUID) -> HttpResponseBase:
    """Streams events as they happen, beginning after `Last-Event-ID` if it is sent. Ends after `finished`."""
    return stream.response(request, own(request, uuid).current)


@router.post("/submissions/{uuid:uuid}/cancel", response=schemas.SubmissionOut)
def submission_cancel(request: Request, uuid: UUID) -> schemas.SubmissionOut:
    """Cancels an attempt. Ten waiting attempts a day are given back to the quota, and two running ones."""
    services.cancel(own(request, uuid))
    return outcomes.submission(own(request, uuid))


@router.post("/submissions/{uuid:uuid}/appeal", response=schemas.SubmissionOut)
def submission_appeal(request: Request, uuid: UUID, appeal: schemas.AppealIn) -> schemas.SubmissionOut:
    """Appeals against a free-text grade. A second grader checks it if one is set up, then a person."""
    reviews.appeal(own(request, uuid), appeal.text)
    return outcomes.submission(own(request, uuid))


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


@router.get("/submissions/{uuid:uuid}/receipt", response=schemas.ReceiptOut, by_alias=True)
def submission_receipt(request: Request, uuid: UUID) -> dict[str, Any]:
    """Returns the signed receipt of the caller's score, as `gradus verify` checks it. 404 while there is no score."""
    found = receipts.receipt(own(request, uuid), request.build_absolute_uri("/").rstrip("/"))
    if found is None:
        raise Http404
    return found
