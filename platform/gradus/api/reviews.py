"""Reviews over HTTP: what a reviewer can do on the pages. For all others nothing is there."""

from typing import Annotated

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from gradus.accounts.models import User
from gradus.accounts.scopes import LearnerData, Scope
from gradus.api import cases
from gradus.api.auth import Request, caller, requires
from gradus.api.schemas import reviews as schemas
from gradus.reviews import accuracy as figures
from gradus.reviews import evidence, queue, services
from gradus.reviews.models import Regrade, Review
from gradus.submissions.models import Submission

# A database counts no further than 64 bits.
OFFSET_MAX = 1_000_000_000

READS = requires(Scope(learner_data=LearnerData.VIEWER))
router = Router(tags=["reviews"], auth=requires(Scope(learner_data=LearnerData.EDITOR)))


def reviewer(request: Request) -> User:
    user = caller(request)
    if not user.is_reviewer:
        raise Http404
    return user


def visible(request: Request, id: int) -> Review:
    return get_object_or_404(queue.reviews_for(reviewer(request)), pk=id)


def shown(request: Request, id: int) -> schemas.ReviewOut:
    return cases.case(evidence.case(visible(request, id)))


@router.get("/reviews", response=list[schemas.ReviewBrief], auth=READS)
def reviews(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=OFFSET_MAX)] = 0,
) -> list[schemas.ReviewBrief]:
    """What waits for a person: appeals first, then by the machine's score, blind audits among them."""
    found = queue.waiting_for(reviewer(request))[offset : offset + limit]
    return [schemas.ReviewBrief.model_validate(cases.brief(one, appealed="appeal" in one.reasons)) for one in found]


@router.get("/reviews/accuracy", response=schemas.AccuracyOut, auth=READS)
def reviews_accuracy(request: Request) -> schemas.AccuracyOut:
    """How often the machine is right, from blind audits and from all decisions; by question, language and signs."""
    return cases.accuracy(figures.report(reviewer(request)))


@router.get("/reviews/{int:id}", response=schemas.ReviewOut, auth=READS)
def review(request: Request, id: int) -> schemas.ReviewOut:
    """One answer with all that is beside it; of a blind audit nothing that the machine found."""
    return shown(request, id)


@router.post("/reviews/{int:id}/blind", response=schemas.ReviewOut)
def review_blind(request: Request, id: int, given: schemas.BlindIn) -> schemas.ReviewOut:
    """Keeps blind marks of an audit. If they are the machine's, the audit is settled; else decide next."""
    services.mark_blind(visible(request, id), by=reviewer(request), marks=dict(given.marks))
    return shown(request, id)


@router.post("/reviews/{int:id}/decision", response=schemas.ReviewOut)
def review_decision(request: Request, id: int, given: schemas.DecisionIn) -> schemas.ReviewOut:
    """My marks become the grade."""
    services.decide(visible(request, id), by=reviewer(request), marks=dict(given.marks), reason=given.reason)
    return shown(request, id)


@router.post("/reviews/{int:id}/gold", response={201: schemas.GoldOut})
def review_gold(request: Request, id: int, given: schemas.GoldIn) -> Status[schemas.GoldOut]:
    """Keeps a decided answer as a gold row."""
    row = services.make_gold(visible(request, id), by=reviewer(request), role=given.role)
    return Status(201, schemas.GoldOut.model_validate({"answer": row.answer, "marks": row.marks, "role": row.role}))


@router.get("/challenges/{slug:id}/gold", response=list[schemas.GoldOut], auth=READS)
def challenge_gold(request: Request, id: str) -> list[schemas.GoldOut]:
    """Gold rows that reviewers kept, for the bundle."""
    challenge = get_object_or_404(queue.challenges_of(reviewer(request)), slug=id)
    kept = challenge.gold_rows.values("answer", "marks", "role")
    return [schemas.GoldOut.model_validate(row) for row in kept]


def visible_regrade(request: Request, id: int) -> Regrade:
    return get_object_or_404(queue.regrades_for(reviewer(request)), pk=id)


@router.get("/regrades", response=list[schemas.RegradeBrief], auth=READS)
def regrades(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[schemas.RegradeBrief]:
    """Shadow runs, newest first."""
    found = queue.regrades_for(reviewer(request))[:limit]
    return [schemas.RegradeBrief.model_validate(cases.regrade_brief(one)) for one in found]


@router.post("/challenges/{slug:id}/regrades", response={201: schemas.RegradeOut})
def regrade_start(request: Request, id: str, given: schemas.RegradeIn) -> Status[schemas.RegradeOut]:
    """Grades submissions again beside the grades that count."""
    user = reviewer(request)
    challenge = get_object_or_404(queue.challenges_of(user), slug=id)
    chosen = None if given.submissions is None else Submission.objects.filter(uuid__in=given.submissions)
    made = services.start_regrade(challenge, by=user, submissions=chosen, note=given.note)
    return Status(201, cases.regrade(made))


@router.get("/regrades/{int:id}", response=schemas.RegradeOut, auth=READS)
def regrade(request: Request, id: int) -> schemas.RegradeOut:
    """What a shadow run would change."""
    return cases.regrade(visible_regrade(request, id))


@router.post("/regrades/{int:id}/approve", response=schemas.ApprovalOut)
def regrade_approve(request: Request, id: int, given: schemas.ApprovalIn) -> schemas.ApprovalOut:
    """Makes the new grades count."""
    done = services.approve(visible_regrade(request, id), by=reviewer(request), lower=given.lower)
    return schemas.ApprovalOut(done=dict(done))


@router.post("/regrades/{int:id}/discard", response=schemas.RegradeOut)
def regrade_discard(request: Request, id: int) -> schemas.RegradeOut:
    """Ends a shadow run; no grade changes."""
    services.discard(visible_regrade(request, id), by=reviewer(request))
    return cases.regrade(visible_regrade(request, id))
