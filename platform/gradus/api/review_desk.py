"""Locks of answers, what certainty is worth, and bulk acceptance. For all but reviewers, these calls answer 404."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.shortcuts import get_object_or_404
from ninja import Router, Schema
from pydantic import Field

from gradus.accounts.token_rules import LearnerData, Scope
from gradus.api.auth import Request, requires
from gradus.api.reviews import READS, ReviewBrief, review_brief, reviewer, visible
from gradus.courses.models import Challenge
from gradus.reviews import certainty, queue, services
from gradus.reviews.models import LOCKS_MOST
from gradus.reviews.services.bulk import BULK_MOST

# The largest key of a row in the database.
ReviewId = Annotated[int, Field(ge=1, le=2**63 - 1)]


class ClaimIn(Schema):
    """Which answers to hold: the next `count` of the queue, of one question, or of these reviews."""

    count: int = Field(1, ge=1, le=LOCKS_MOST)
    challenge: str | None = Field(None, max_length=200, description="The challenge's id; any if left out")
    ids: list[ReviewId] | None = Field(None, max_length=BULK_MOST, description="Reviews; any if left out")


class HeldOut(ReviewBrief):
    """An answer that the caller holds. Until then, nobody else is given it or can decide it."""

    locked_until: datetime


class HeldIn(Schema):
    ids: list[ReviewId] = Field(max_length=BULK_MOST)


class ReleaseIn(Schema):
    ids: list[ReviewId] | None = Field(None, max_length=BULK_MOST, description="All that the caller holds if left out")


class CountOut(Schema):
    """How many answers were changed."""

    done: int


class StepOut(Schema):
    """Decided answers next to each other by certainty, and in how many of them the machine was right."""

    stated: float = Field(description="The lowest certainty among them, as the machine stated it")
    answers: int
    right: int
    share: float


class CertaintyOut(Schema):
    """What the certainty of one judge means for a question, by what people decided about its answers."""

    judge: str = Field(description="The model; empty for the built-in verifier")
    decided: int
    needed: int = Field(description="From how many decided answers on it is known")
    known: bool
    steps: list[StepOut] = Field(description="By rising certainty; empty while it is not known")
    bulk: StepOut | None = Field(description="The answers whose certainty allows bulk acceptance; null if none does")


class AcceptIn(Schema):
    ids: list[ReviewId] = Field(max_length=BULK_MOST, description="Reviews of this challenge")


class RefusedOut(Schema):
    id: int
    code: str
    message: str


class AcceptedOut(Schema):
    """What became of each answer. Those that were drawn are marked blind by a person instead."""

    accepted: list[int]
    drawn: list[int]
    refused: list[RefusedOut]


class BlindChoice(Schema):
    blind: bool = Field(strict=True, description="Reviewers give own marks before they see the machine's")


router = Router(tags=["reviews"], auth=requires(Scope(learner_data=LearnerData.EDITOR)))


def question(request: Request, id: str) -> Challenge:
    return get_object_or_404(queue.challenges_of(reviewer(request)), slug=id)


@router.post("/reviews/claim", response=list[HeldOut])
def reviews_claim(request: Request, given: ClaimIn) -> list[HeldOut]:
    """Holds answers for the caller for fifteen minutes, and returns those that the caller holds of the ones asked for.

    Answers that the caller holds already are renewed and count. At most ten can be held at a time.
    """
    user = reviewer(request)
    challenge = None if given.challenge is None else question(request, given.challenge)
    claimed = services.claim(user, count=given.count, challenge=challenge, ids=given.ids)
    return [
        HeldOut.model_validate(
            {**review_brief(one, appealed="appeal" in one.reasons), "locked_until": one.locked_until}
        )
        for one in claimed
    ]


@router.post("/reviews/renew", response=CountOut)
def reviews_renew(request: Request, given: HeldIn) -> CountOut:
    """Renews locks that the caller still holds, for fifteen minutes from now."""
    return CountOut(done=services.renew(reviewer(request), given.ids))


@router.post("/reviews/release", response=CountOut)
def reviews_release(request: Request, given: ReleaseIn) -> CountOut:
    """Gives answers back to the queue that the caller holds."""
    return CountOut(done=services.release(reviewer(request), given.ids))


@router.post("/reviews/{int:id}/take-over", response=CountOut)
def review_take_over(request: Request, id: int) -> CountOut:
    """Ends another reviewer's lock of an answer. Only staff of the site can do this, and it is logged."""
    services.break_lock(visible(request, id), by=reviewer(request))
    return CountOut(done=1)


@router.get("/challenges/{slug:id}/certainty", response=list[CertaintyOut], auth=READS)
def challenge_certainty(request: Request, id: str) -> list[CertaintyOut]:
    """Returns what the machine's certainty means for a question, for each judge whose answers people decided."""
    found = certainty.by_judge(question(request, id))
    return [CertaintyOut.model_validate(_certainty(judge, one)) for judge, one in sorted(found.items())]


def _certainty(judge: str, found: certainty.Certainty) -> dict[str, Any]:
    return {
        "judge": judge,
        "decided": found.decided,
        "needed": certainty.KNOWN_FROM,
        "known": found.known,
        "steps": found.steps,
        "bulk": found.bulk,
    }


@router.post("/challenges/{slug:id}/accept-marks", response=AcceptedOut)
def challenge_accept_marks(request: Request, id: str, given: AcceptIn) -> AcceptedOut:
    """Accepts the machine's marks of several answers, where its certainty has been right often enough.

    A share of the answers of which the machine is sure enough, and at least one, is not accepted. From then on, these
    answers wait for marks that a person gives blind. They are `drawn`, whether their ids were sent or not.
    """
    done = services.accept_machine_marks(reviewer(request), question(request, id), given.ids)
    refused = [{"id": pk, "code": one.code, "message": one.message} for pk, one in done.refused.items()]
    return AcceptedOut.model_validate({"accepted": done.accepted, "drawn": done.drawn, "refused": refused})


@router.post("/challenges/{slug:id}/marked-blind", response=BlindChoice)
def challenge_mark_blind(request: Request, id: str, given: BlindChoice) -> BlindChoice:
    """Chooses whether reviewers mark every answer to a question before they see the machine's marks.

    Only authors of the course and staff of the site can choose this.
    """
    chosen = services.mark_question_blind(question(request, id), by=reviewer(request), blind=given.blind)
    return BlindChoice(blind=chosen.blind)
