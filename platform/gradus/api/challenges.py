"""API calls about challenges and runs: read, take a hint, check training rows, run, and read the leaderboard."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Query, Router, Status

from challenges import dataset
from challenges.kinds.tune import KIND as TUNE
from gradus.api import content_shapes as shapes
from gradus.api import cost_shapes, schemas
from gradus.api import result_shapes as outcomes
from gradus.api.auth import OPTIONAL, Request, anyone, caller, caller_or_none, someone
from gradus.api.submissions import SSE
from gradus.courses import catalogue
from gradus.courses.models import Challenge
from gradus.leaderboards import boards
from gradus.learn.costs import prices as cost_prices
from gradus.learn.costs.comparison import comparison, is_compared
from gradus.learn.kinds.rag.views import keys_of
from gradus.learn.path.steps import has_passed
from gradus.submissions import services, stream
from gradus.submissions.models import Run
from gradus.submissions.services import Refused
from gradus.submissions.services.payload import counter

router = Router(tags=["challenges"], auth=someone)


def shown(id: str) -> Challenge:
    return catalogue.now().challenge(id)


@router.get("/challenges/{slug:id}", response=schemas.ChallengeOut, by_alias=True, auth=anyone, openapi_extra=OPTIONAL)
def challenge(request: Request, id: str) -> schemas.ChallengeOut:
    """Returns the statement, public samples, limits, attempts left today, and the hints taken."""
    found, user = shown(id), caller_or_none(request)
    return shapes.challenge(found, user, services.hints_taken(user, found))


@router.post("/challenges/{slug:id}/hints", response=schemas.ChallengeOut, by_alias=True)
def take_hint(request: Request, id: str) -> schemas.ChallengeOut:
    """Reveals the next hint. It costs no attempt."""
    found, user = shown(id), caller(request)
    services.take_hint(user, found)
    return shapes.challenge(found, user, services.hints_taken(user, found))


@router.get("/challenges/{slug:id}/solution", response=schemas.SolutionOut)
def solution(request: Request, id: str) -> schemas.SolutionOut:
    """Returns the author's solution to a caller who has passed the challenge."""
    found = shown(id)
    if found.version is None or not has_passed(caller(request), found):
        raise Refused("not_passed", "The solution opens once you have passed this challenge.", 403)
    return schemas.SolutionOut(solution=found.version.solution)


@router.get("/challenges/{slug:id}/documents", response=schemas.DocumentsOut, auth=anyone, openapi_extra=OPTIONAL)
def documents(request: Request, id: str) -> schemas.DocumentsOut:
    """Returns the documents in which answers are looked up. A challenge without documents is not found here."""
    return shapes.documents(keys_of(shown(id)))


@router.post("/challenges/{slug:id}/dataset", response=schemas.DatasetOut)
def dataset_check(request: Request, id: str, payload: schemas.TrainingRows) -> schemas.DatasetOut:
    """Checks training rows and estimates the cost of training on them. It costs no attempt."""
    spec, given = shown(id).spec, payload.root
    if TUNE.name not in spec.tracks:
        raise Http404
    report = dataset.report(
        spec,
        given.rows,
        counter(spec),
        instructions=given.instructions,
        hyperparameters=given.hyperparameters,
        method=given.method,
    )
    return schemas.DatasetOut.model_validate(asdict(report))


@router.get("/challenges/{slug:id}/leaderboard", response=schemas.LeaderboardOut, auth=anyone, openapi_extra=OPTIONAL)
def leaderboard(
    request: Request, id: str, track: schemas.Track | None = None, page: Annotated[int, Query(ge=1)] = 1
) -> schemas.LeaderboardOut:
    """Returns ranks, tie bands and the caller's row. Equal shown scores share a rank."""
    found = shown(id)
    chosen = boards.track_of(found, track)
    if chosen is None:
        raise Http404
    return outcomes.leaderboard(boards.board(found, chosen, caller_or_none(request), page))


@router.get("/challenges/{slug:id}/costs", response=schemas.CostsOut, auth=anyone, openapi_extra=OPTIONAL)
def costs(request: Request, id: str, prices: Query[schemas.PricesIn]) -> schemas.CostsOut:
    """Returns what each method costs: the caller's best attempts and the author's results on the same hidden rows."""
    found = shown(id)
    if not is_compared(found):
        raise Http404
    asked = cost_prices.of_site().changed(prices.model_dump(exclude_none=True))
    return cost_shapes.costs(found, comparison(found, caller_or_none(request), asked), asked)


@router.post("/challenges/{slug:id}/runs", response={201: schemas.RunOut})
def run_start(request: Request, id: str, payload: schemas.Payload, response: HttpResponse) -> Status[schemas.RunOut]:
    """Starts a run on the public samples. It costs no attempt."""
    version = shown(id).version
    assert version is not None
    run = services.start_run(caller(request), version, payload.root)
    response["Location"] = reverse("api:run", args=[run.uuid])
    return Status(201, outcomes.run(run))


def visible(request: Request, uuid: UUID) -> Run:
    """Returns the caller's run, or a run of the demo that has no owner, because its id cannot be guessed."""
    mine = Q(user=caller(request)) | Q(user=None, purpose=Run.Purpose.DEMO)
    return get_object_or_404(Run.objects.filter(mine).select_related("version__challenge"), uuid=uuid)


@router.get("/runs/{uuid:uuid}", response=schemas.RunOut, url_name="run")
def run(request: Request, uuid: UUID) -> schemas.RunOut:
    """Returns a run with its result for each public sample."""
    return outcomes.run(visible(request, uuid))


@router.get("/runs/{uuid:uuid}/events", openapi_extra=SSE)
def run_events(request: Request, uuid: UUID) -> HttpResponseBase:
    """Streams events as they happen, beginning after `Last-Event-ID` if it is sent. Ends after `finished`."""
    return stream.response(request, visible(request, uuid).current)


@router.post("/runs/{uuid:uuid}/cancel", response=schemas.RunOut)
def run_cancel(request: Request, uuid: UUID) -> schemas.RunOut:
    """Cancels a run of the caller, which cost no attempt."""
    found = get_object_or_404(Run.objects.filter(user=caller(request)), uuid=uuid)
    services.cancel_run(found)
    return outcomes.run(visible(request, uuid))
