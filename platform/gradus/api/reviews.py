"""API calls for reviewers: what they can do on the pages. For everyone else, these calls answer 404."""

from typing import Annotated

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.api import review_shapes
from gradus.api.auth import Request, caller, requires
from gradus.api.schemas import reviews as schemas
from gradus.reviews import accuracy as figures
from gradus.reviews import evidence, queue, services
from gradus.reviews.models import Regrade, Review
from gradus.submissions.models import Submission

# A larger offset could overflow the 64-bit integer of the database.
OFFSET_MAX = 1_000_000_000

READS = requires(Scope(learner_data=LearnerData.VIEWER))
router = Router(tags=["reviews"], auth=requires(Scope(learner_data=LearnerData.EDITOR)))


def reviewer(request: Request) -> User:
    """Returns the caller. Raises `Http404` if the caller is not a reviewer."""
    user = caller(request)
    if not user.is_reviewer:
        raise Http404
    return user


def visible(request: Request, id: int) -> Review:
    return get_object_or_404(queue.reviews_for(reviewer(request)), pk=id)


def shown(request: Request, id: int) -> schemas.ReviewOut:
    return review_shapes.case(evidence.case(visible(request, id)))


@router.get("/reviews", response=list[schemas.ReviewBrief], auth=READS)
def reviews(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=OFFSET_MAX)] = 0,
) -> list[schemas.ReviewBrief]:
    """Returns the answers that wait for a person: appeals first, the others and blind audits by predicted score."""
    found = queue.waiting_for(reviewer(request))[offset : offset + limit]
    return [
        schemas.ReviewBrief.model_validate(review_shapes.brief(one, appealed="appeal" in one.reasons)) for one in found
    ]


@router.get("/reviews/accuracy", response=schemas.AccuracyOut, auth=READS)
def reviews_accuracy(request: Request) -> schemas.AccuracyOut:
    """Returns how often the judge agrees with people, by question, language and signs."""
    return review_shapes.accuracy(figures.report(reviewer(request)))


@router.get("/reviews/{int:id}", response=schemas.ReviewOut, auth=READS)
def review(request: Request, id: int) -> schemas.ReviewOut:
    """Returns one answer with everything a reviewer needs. For a blind audit, the judge's marks are left out."""
    return shown(request, id)


@router.post("/reviews/{int:id}/blind", response=schemas.ReviewOut)
def review_blind(request: Request, id: int, given: schemas.BlindIn) -> schemas.ReviewOut:
    """Stores a person's marks of a blind audit. If they differ from the judge's, a decision has to follow."""
    services.mark_blind(visible(request, id), by=reviewer(request), marks=dict(given.marks))
    return shown(request, id)


@router.post("/reviews/{int:id}/decision", response=schemas.ReviewOut)
def review_decision(request: Request, id: int, given: schemas.DecisionIn) -> schemas.ReviewOut:
    """Decides a review: the caller's marks become the grade."""
    services.decide(visible(request, id), by=reviewer(request), marks=dict(given.marks), reason=given.reason)
    return shown(request, id)


@router.post("/reviews/{int:id}/gold", response={201: schemas.GoldOut})
def review_gold(request: Request, id: int, given: schemas.GoldIn) -> Status[schemas.GoldOut]:
    """Stores a decided answer as a gold row, for the calibration of the judge."""
    row = services.make_gold(visible(request, id), by=reviewer(request), role=given.role)
    return Status(201, schemas.GoldOut.model_validate({"answer": row.answer, "marks": row.marks, "role": row.role}))


@router.get("/challenges/{slug:id}/gold", response=list[schemas.GoldOut], auth=READS)
def challenge_gold(request: Request, id: str) -> list[schemas.GoldOut]:
    """Returns the gold rows of a challenge that reviewers have stored, for its bundle."""
    challenge = get_object_or_404(queue.challenges_of(reviewer(request)), slug=id)
    kept = challenge.gold_rows.values("answer", "marks", "role")
    return [schemas.GoldOut.model_validate(row) for row in kept]


def visible_regrade(request: Request, id: int) -> Regrade:
    return get_object_or_404(queue.regrades_for(reviewer(request)), pk=id)


@router.get("/regrades", response=list[schemas.RegradeBrief], auth=READS)
def regrades(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[schemas.RegradeBrief]:
    """Returns the shadow runs, newest first."""
    found = queue.regrades_for(reviewer(request))[:limit]
    return [schemas.RegradeBrief.model_validate(review_shapes.regrade_brief(one)) for one in found]


@router.post("/challenges/{slug:id}/regrades", response={201: schemas.RegradeOut})
def regrade_start(request: Request, id: str, given: schemas.RegradeIn) -> Status[schemas.RegradeOut]:
    """Starts a shadow run: submissions are graded again, and the new grades do not count yet."""
    user = reviewer(request)
    challenge = get_object_or_404(queue.challenges_of(user), slug=id)
    chosen = None if given.submissions is None else Submission.objects.filter(uuid__in=given.submissions)
    made = services.start_regrade(challenge, by=user, submissions=chosen, note=given.note)
    return Status(201, review_shapes.regrade(made))


@router.get("/regrades/{int:id}", response=schemas.RegradeOut, auth=READS)
def regrade(request: Request, id: int) -> schemas.RegradeOut:
    """Returns what a shadow run would change."""
    return review_shapes.regrade(visible_regrade(request, id))


@router.post("/regrades/{int:id}/approve", response=schemas.ApprovalOut)
def regrade_approve(request: Request, id: int, given: schemas.ApprovalIn) -> schemas.ApprovalOut:
    """Approves a shadow run: its grades count from now on. Released grades are lowered only with `lower`."""
    done = services.approve(visible_regrade(request, id), by=reviewer(request), lower=given.lower)
    return schemas.ApprovalOut(done=dict(done))


@router.post("/regrades/{int:id}/discard", response=schemas.RegradeOut)
def regrade_discard(request: Request, id: int) -> schemas.RegradeOut:
    """Discards a shadow run. No grade changes."""
    services.discard(visible_regrade(request, id), by=reviewer(request))
    return review_shapes.regrade(visible_regrade(request, id))
