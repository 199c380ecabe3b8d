"""A person's side of grading: reviews are opened with a grade, appeals by learners, decisions by staff."""

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from challenges.spec import Challenge
from gradus.accounts.models import User
from gradus.reviews.models import Appeal, Review
from gradus.submissions import services
from gradus.submissions.errors import State
from gradus.submissions.models import Evaluation, Submission
from gradus.submissions.services import Outcome, Refused

POINTS = {"met": 1.0, "partial": 0.5, "not_met": 0.0}


def open_review(evaluation: Evaluation, outcome: Outcome) -> None:
    """Receiver of `submissions.signals.recorded`, inside its transaction."""
    if evaluation.state == State.REVIEW and evaluation.submission is not None:
        reasons = list(outcome.review) or ["provisional"]
        Review.objects.create(
            submission=evaluation.submission, evaluation=evaluation, reasons=reasons, predicted=outcome.score or 0.0
        )


def points(challenge: Challenge, marks: dict[str, str]) -> float:
    """The score in [0, 1] of marks by criterion id; code adds the points, nobody else.

    Raises:
        Refused: 422 where a criterion lacks a mark, or `partial` is used where it gives no points.
    """
    total = earned = 0.0
    for criterion in challenge.rubric:
        mark = marks.get(criterion.id)
        if mark not in POINTS or (mark == "partial" and criterion.partial == "none"):
            raise Refused("bad_mark", f"Choose a mark for “{criterion.label}”.")
        total += criterion.points
        earned += criterion.points * POINTS[mark]
    return earned / total


@transaction.atomic
def decide(review: Review, *, by: User, marks: dict[str, str], reason: str) -> Evaluation:
    """A person's marks become the current grade; what the machine said is kept beside it.

    Raises:
        Refused: 409 where somebody decided first, 403 for one's own answer, 422 for missing marks.
    """
    submission = review.submission
    if submission.user_id == by.pk:
        raise Refused("own_answer", "Your own answer is graded by somebody else.", 403)
    challenge = submission.version.parsed
    value = points(challenge, marks)
    won = Review.objects.filter(pk=review.pk, decided_at=None).update(
        decided_at=timezone.now(), decided_by=by, marks=marks, reason=reason[:2000]
    )
    if won != 1:
        raise Refused("decided", "Somebody else has just decided this one.", 409)
    evaluation = services.decide(submission, value=value, result=_result(submission, marks))
    Appeal.objects.filter(submission=submission, closed_at=None).update(closed_at=timezone.now())
    return evaluation


@transaction.atomic
def appeal(submission: Submission, text: str) -> Appeal:
    """Asks for a person. A grade is appealed once; an open review of it is the same queue.

    Raises:
        Refused: 409 where there is no grade yet, a person has decided, or an appeal exists.
    """
    evaluation = submission.current
    if evaluation.state not in (State.SCORED, State.REVIEW):
        raise Refused("no_grade", "There is no grade to appeal against yet.", 409)
    if evaluation.grader == "person":
        raise Refused("decided", "A person has already decided this grade.", 409)
    if submission.kind != "free_text":
        raise Refused("computed", "This score is computed from fixed rows; a person would compute the same.", 409)
    made, created = Appeal.objects.get_or_create(
        evaluation=evaluation, defaults={"submission": submission, "text": text.strip()[:2000]}
    )
    if not created:
        raise Refused("appealed", "You have already asked for a person. You will see the answer here.", 409)
    review, _ = Review.objects.get_or_create(
        evaluation=evaluation,
        defaults={"submission": submission, "reasons": [], "predicted": evaluation.score.shown},
    )
    review.reasons = ["appeal", *review.reasons]
    review.save(update_fields=["reasons"])
    return made


def queue_for(user: User) -> Any:
    """What waits, for those who may see it: all for superusers and staff, else the courses one teaches."""
    waiting = Review.objects.waiting().select_related("submission__challenge__lesson__course", "submission__version")
    if user.is_staff:
        return waiting
    return waiting.filter(
        Q(submission__challenge__lesson__course__enrolments__user=user)
        & Q(submission__challenge__lesson__course__enrolments__role__in=["staff", "author"])
    )


def _result(submission: Submission, marks: dict[str, str]) -> dict[str, Any]:
    challenge = submission.version.parsed
    last = submission.current.result or {}
    evidence = {mark["id"]: mark.get("evidence", []) for mark in last.get("marks", [])}
    return {
        "marks": [
            {
                "id": criterion.id,
                "label": criterion.label,
                "mark": marks[criterion.id],
                "points": criterion.points * POINTS[marks[criterion.id]],
                "points_max": criterion.points,
                "evidence": evidence.get(criterion.id, []),
                "improve": criterion.improve,
            }
            for criterion in challenge.rubric
        ]
    }
