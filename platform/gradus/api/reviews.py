"""Reviews, gold rows, and how often the judge agrees with people. For all but reviewers, these calls answer 404."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from challenges import marks as table
from challenges.kinds.rubric import free_text
from challenges.rows import GoldRole, QuotedRow
from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.api.auth import Request, caller, requires
from gradus.reviews import accuracy as figures
from gradus.reviews import certainty, evidence, queue, services
from gradus.reviews import review_reasons as reasons
from gradus.reviews.accuracy import Report
from gradus.reviews.models import GoldRow, Review

GivenMark = Literal["met", "partial", "not_met"]


class ReviewBrief(Schema):
    """An answer that waits for a person. A blind audit shows no score."""

    id: int
    kind: Literal["review", "audit"]
    blind: bool
    appealed: bool
    challenge: str
    predicted: float | None = None
    reasons: list[str]
    opened_at: datetime


class CriterionLine(Schema):
    """A criterion with the machine's mark, quotes and votes, which are all empty while an audit is blind."""

    id: str
    label: str
    text: str
    points: int
    allowed: list[GivenMark]
    machine: str | None = None
    quotes: list[str] = []
    votes: list[str] = []
    second: str | None = None


class NeighbourOut(Schema):
    """A graded answer that is similar to this one. `by` says who graded it."""

    likeness: float
    answer: str
    marks: dict[str, str]
    score: float
    by: Literal["author", "person"]


class SignOut(Schema):
    """A sign of machine writing in the answer. It informs a reviewer, and is no reason for a lower mark."""

    what: str
    where: str


class ReviewOut(ReviewBrief):
    submission: UUID
    question: str
    model_answer: str
    answer: str
    quoted: list[QuotedRow] = Field([], description="The rows of the learner's own run that the answer quotes")
    language: str = Field(description="The language that a detector guesses; empty if unknown")
    criteria: list[CriterionLine]
    certainty: float | None = Field(
        None,
        description="The share of decided answers with about this certainty in which the machine was right; null "
        "before forty are decided, and while the answer is marked blind",
    )
    flags: list[str]
    signs: list[SignOut]
    nearest: list[NeighbourOut]
    appeal_text: str | None = None
    blind_marks: dict[str, str] | None = None
    marks: dict[str, str] | None = None
    reason: str | None = None
    comment: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None


class BlindIn(Schema):
    """A mark for each criterion."""

    marks: dict[str, GivenMark]


class DecisionIn(BlindIn):
    reason: str = Field("", max_length=2000, description="For staff. Required to lower a final grade")
    comment: str = Field("", max_length=2000, description="For the learner, who reads it with the marks")


class GoldIn(Schema):
    role: GoldRole = "calibration"


class GoldOut(Schema):
    """A row of `gold.jsonl`."""

    answer: str
    marks: dict[str, str]
    role: GoldRole
    quoted: list[QuotedRow] = []


class FigureOut(Schema):
    """How often the machine agrees with a person in a group of answers. `bias` is machine minus person."""

    name: str
    answers: int
    same_verdict: float
    low: float = Field(description="Lower end of the 95 % interval of same_verdict")
    high: float
    same_marks: float
    bias: float
    mae: float


class AccuracyOut(Schema):
    """Figures from blind audits, and from all decisions, most of which are about answers in doubt."""

    total: FigureOut | None = None
    questions: list[FigureOut]
    audited_languages: list[FigureOut]
    decided_languages: list[FigureOut]
    decided_signs: list[FigureOut]


def review_brief(review: Review, *, appealed: bool) -> dict[str, Any]:
    blind = review.is_blind
    shown = [rule for rule in review.reasons if rule in reasons.SHOWN_BLIND] if blind else review.reasons
    return {
        "id": review.pk,
        "kind": review.kind,
        "blind": blind,
        "appealed": appealed,
        "challenge": review.submission.challenge.slug,
        "predicted": None if blind else review.predicted,
        "reasons": reasons.all_in_words(shown, review.submission.version.parsed),
        "opened_at": review.opened_at,
    }


def review_out(case: evidence.Case) -> ReviewOut:
    review, spec, appeal = case.review, case.challenge, case.appeal
    return ReviewOut.model_validate(
        {
            **review_brief(review, appealed=bool(appeal and appeal.is_open)),
            "submission": review.submission.uuid,
            "question": free_text(spec).question,
            "model_answer": free_text(spec).model_answer,
            "answer": case.answer,
            "quoted": case.quoted,
            "language": review.language,
            "criteria": [_line(line) for line in case.lines],
            "certainty": None if review.is_blind else _certainty(review),
            "flags": case.notes.flags,
            "signs": case.signs,
            "nearest": case.nearest,
            "appeal_text": appeal.text if appeal else None,
            "blind_marks": review.blind_marks,
            **(_decision(review) if review.decided_at else {}),
        }
    )


def _line(line: evidence.Line) -> dict[str, Any]:
    criterion = line.criterion
    return {
        **{key: getattr(criterion, key) for key in ("id", "label", "text", "points")},
        "allowed": table.allowed(criterion),
        "machine": line.mark or None,
        "quotes": line.quotes,
        "votes": line.votes,
        "second": line.second or None,
    }


def _certainty(review: Review) -> float | None:
    found = certainty.of(review.submission.challenge, review.judge).around(review.certainty)
    return found.share if found else None


def _decision(review: Review) -> dict[str, Any]:
    by = review.decided_by.pseudonym if review.decided_by else None
    texts = {"reason": review.reason, "comment": review.comment}
    return {"marks": review.marks, **texts, "decided_by": by, "decided_at": review.decided_at}


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


def shown(request: Request, id: int) -> ReviewOut:
    review = visible(request, id)
    return review_out(evidence.case(review, of_class=queue.limited_to(reviewer(request), review)))


@router.get("/reviews", response=list[ReviewBrief], auth=READS)
def reviews(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=OFFSET_MAX)] = 0,
) -> list[ReviewBrief]:
    """Returns the answers that wait for a person: appeals first, the others and blind audits by predicted score.

    Answers that another reviewer holds are left out.
    """
    user = reviewer(request)
    found = queue.waiting_for(user).free_for(user)[offset : offset + limit]
    return [ReviewBrief.model_validate(review_brief(one, appealed="appeal" in one.reasons)) for one in found]


@router.get("/reviews/accuracy", response=AccuracyOut, auth=READS)
def reviews_accuracy(request: Request) -> Report:
    """Returns how often the judge agrees with people, by question, language and signs."""
    return figures.report(reviewer(request))


@router.get("/reviews/{int:id}", response=ReviewOut, auth=READS)
def review(request: Request, id: int) -> ReviewOut:
    """Returns one answer with everything a reviewer needs. For a blind audit, the judge's marks are left out."""
    return shown(request, id)


@router.post("/reviews/{int:id}/blind", response=ReviewOut)
def review_blind(request: Request, id: int, given: BlindIn) -> ReviewOut:
    """Stores a person's marks of a blind audit. If they differ from the judge's, a decision has to follow."""
    services.mark_blind(visible(request, id), by=reviewer(request), marks=dict(given.marks))
    return shown(request, id)


@router.post("/reviews/{int:id}/decision", response=ReviewOut)
def review_decision(request: Request, id: int, given: DecisionIn) -> ReviewOut:
    """Decides a review: the caller's marks become the grade."""
    review, by = visible(request, id), reviewer(request)
    services.decide(review, by=by, marks=dict(given.marks), reason=given.reason, comment=given.comment)
    return shown(request, id)


@router.post("/reviews/{int:id}/gold", response={201: GoldOut})
def review_gold(request: Request, id: int, given: GoldIn) -> Status[GoldOut]:
    """Stores a decided answer as a gold row, for the calibration of the judge."""
    row = services.make_gold(visible(request, id), by=reviewer(request), role=given.role)
    return Status(201, _gold_out(row))


@router.get("/challenges/{slug:id}/gold", response=list[GoldOut], auth=READS)
def challenge_gold(request: Request, id: str) -> list[GoldOut]:
    """Returns the gold rows of a challenge that reviewers have stored, for its bundle."""
    challenge = get_object_or_404(queue.challenges_of(reviewer(request)), slug=id)
    return [_gold_out(row) for row in challenge.gold_rows.all()]


def _gold_out(row: GoldRow) -> GoldOut:
    kept = {"answer": row.answer, "marks": row.marks, "role": row.role, "quoted": row.quoted or []}
    return GoldOut.model_validate(kept)
