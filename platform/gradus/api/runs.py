"""Runs on public samples: start, read, follow, name and cancel them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Router, Schema, Status
from pydantic import Field

from challenges.rows import QuotedRow
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
    feedback_of,
    state_of,
)
from gradus.learn.access import shown_challenge
from gradus.learn.demo.purpose import DemoAnswer
from gradus.submissions import own_runs, services, stream
from gradus.submissions.models import Run


class RunOut(Schema):
    uuid: UUID
    challenge: str
    kind: Track
    purpose: str
    label: str = ""
    finding: str = Field("", description="The finding whose arm it repeats; empty for other runs")
    arm: str = ""
    repetition: int | None = None
    status: State
    result: FeedbackOut | None = None
    error: ErrorOut | None = None
    queue_position: int | None = None
    wait_s: int | None = None
    takes: str = Field("", description=TAKES)
    waits_because: DelayOut | None = Field(None, description=WAITS_BECAUSE)
    created_at: datetime
    expires_at: datetime


class OwnRunOut(Schema):
    """An ended run or attempt of the caller that an answer in free text can quote."""

    run: UUID = Field(
        validation_alias="work.uuid", description="The id of the run or attempt, as `own_run.run` of a payload has it"
    )
    purpose: Literal["run", "attempt"]
    name: str = Field("", description="The name that the caller gave a run")
    created_at: datetime
    digest: str = Field(description="As `own_run.digest` of a payload has it")
    rows: list[QuotedRow] = Field(description="All public rows, of which `own_run.rows` of a payload has some")

    @staticmethod
    def resolve_purpose(own: own_runs.OwnRun) -> str:
        return "run" if own.is_run else "attempt"


class NameIn(Schema):
    name: str


def run_out(run: Run) -> RunOut:
    evaluation = run.current
    return RunOut.model_validate(
        {
            **{key: getattr(run, key) for key in ("uuid", "kind", "purpose", "label", "finding", "arm", "repetition")},
            "created_at": run.created_at,
            "expires_at": run.expires_at,
            "challenge": run.version.challenge.slug,
            **state_of(evaluation),
            "result": feedback_of(evaluation),
        }
    )


SSE = {
    "responses": {
        200: {"description": "Server-sent events", "content": {"text/event-stream": {}}},
        204: {"description": "There are no events after `Last-Event-ID`, and there will be none"},
    }
}


router = Router(tags=["challenges"], auth=someone)


@router.post("/challenges/{slug:id}/runs", response={201: RunOut})
def run_start(request: Request, id: str, payload: Payload, response: HttpResponse) -> Status[RunOut]:
    """Starts a run on the public samples. It costs no attempt."""
    version = shown_challenge(request, id).version
    assert version is not None
    run = services.start_run(caller(request), version, payload.root)
    response["Location"] = reverse("api:run", args=[run.uuid])
    return Status(201, run_out(run))


@router.get("/challenges/{slug:id}/own-runs", response=list[OwnRunOut])
def own_runs_list(request: Request, id: str) -> list[own_runs.OwnRun]:
    """Returns the caller's newest runs and attempts that an answer to this question can quote, the newest first.

    The list is empty if the question does not ask for a run of the caller's own.
    """
    return own_runs.runs_of(caller(request), shown_challenge(request, id))


def visible(request: Request, uuid: UUID) -> Run:
    """Returns the caller's run, or a run of the demo that has no owner, because its id cannot be guessed."""
    mine = Q(user=caller(request)) | Q(user=None, purpose=DemoAnswer.name)
    return get_object_or_404(Run.objects.filter(mine).select_related("version__challenge"), uuid=uuid)


@router.get("/runs/{uuid:uuid}", response=RunOut, url_name="run")
def run(request: Request, uuid: UUID) -> RunOut:
    """Returns a run with its result for each public sample."""
    return run_out(visible(request, uuid))


@router.get("/runs/{uuid:uuid}/events", openapi_extra=SSE)
def run_events(request: Request, uuid: UUID) -> HttpResponseBase:
    """Streams events as they happen, beginning after `Last-Event-ID` if it is sent. Ends after `finished`."""
    return stream.response(request, visible(request, uuid))


@router.post("/runs/{uuid:uuid}/cancel", response=RunOut)
def run_cancel(request: Request, uuid: UUID) -> RunOut:
    """Cancels a run of the caller, which cost no attempt."""
    found = get_object_or_404(Run.objects.filter(user=caller(request)), uuid=uuid)
    services.cancel_run(found)
    return run_out(visible(request, uuid))


@router.put("/runs/{uuid:uuid}/name", response=RunOut, tags=["records"])
def run_name(request: Request, uuid: UUID, given: NameIn) -> RunOut:
    """Gives a run of the caller a name in the history; an empty name takes it away."""
    found = visible(request, uuid)
    if found.user_id != caller(request).pk or not found.is_trial:
        raise Http404
    services.name_run(found, given.name)
    return run_out(found)
