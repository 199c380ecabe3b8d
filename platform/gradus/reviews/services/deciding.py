"""A person's marks become the grade. What the machine said stays beside it; who decided, when and why is kept."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from challenges import marks as table
from challenges.kinds.rubric import free_text
from challenges.spec import Challenge
from gradus.accounts import staff
from gradus.accounts.models import StaffAction, User
from gradus.reviews.models import Review
from gradus.reviews.services import appeals, opening
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Grader
from gradus.submissions.services import Refused
from gradus.submissions.services.refusal import refuse_broken, too_long

What = StaffAction.What
REASON_CHARS = 2000


def score_of(challenge: Challenge, marks: dict[str, str]) -> float:
    """The score in [0, 1] of a person's marks by criterion id.

    Raises:
        Refused: 422 where a criterion lacks a mark, has one that it does not allow, or is none of the rubric.
    """
    if strange := set(marks) - {criterion.id for criterion in free_text(challenge).rubric}:
        raise Refused("bad_mark", f"The rubric has no “{min(strange)[:80]}”.")
    for criterion in free_text(challenge).rubric:
        if marks.get(criterion.id) not in table.allowed(criterion):
            raise Refused("bad_mark", f"Choose a mark for “{criterion.label}”.")
    return table.score(free_text(challenge).rubric, marks)


@transaction.atomic
def decide(review: Review, *, by: User, marks: dict[str, str], reason: str) -> Evaluation:
    """A person's marks become the current grade; an appeal that waited for them is closed.

    Raises:
        Refused: 403 for one's own answer; 409 where somebody decided first, or an audit was not marked blind yet;
            422 for missing marks, without a reason where a final grade goes down, or for a reason that is too long or
            holds a character that no text may hold.
    """
    refuse_broken("reason", reason)
    if len(reason.strip()) > REASON_CHARS:
        raise too_long("reason", reason.strip(), REASON_CHARS)
    refuse_own(review, by)
    evaluation = review.evaluation
    value = score_of(evaluation.version.parsed, marks)
    if review.is_blind:
        raise Refused("blind_first", "This is a blind audit: give your own marks first.", 409)
    _close(review, by, marks, reason)
    made = services.decide(
        review.submission,
        by=by,
        value=value,
        result=result_of(evaluation, marks),
        graded_version=evaluation.graded_version,
    )
    if made.score.before is not None and made.score.shown < made.score.before and not reason.strip():
        raise Refused("reason_needed", "This lowers a grade that the learner has seen. Say why, for the record.")
    opening.supersede(evaluation)
    appeals.close_by_person(review.submission, made)
    staff.note(What.GRADE_DECIDED, review.submission, by=by, review=review.pk, evaluation=made.pk)
    return made


@transaction.atomic
def mark_blind(review: Review, *, by: User, marks: dict[str, str]) -> Review:
    """Keeps a person's marks of an audited grade, given without the machine's. Equal marks settle the audit.

    Where they differ nothing has happened to the grade yet: with both before their eyes, a person decides. Where a
    person has decided the grade in the meantime, the audit only counts.

    Raises:
        Refused: 403 for one's own answer; 409 where it is no audit, or was marked already; 422 for missing marks.
    """
    refuse_own(review, by)
    score_of(review.evaluation.version.parsed, marks)
    blind = Review.objects.filter(pk=review.pk, kind=Review.Kind.AUDIT, blind_at=None)
    if blind.update(blind_at=timezone.now(), blind_by=by, blind_marks=marks) != 1:
        raise Refused("decided", "This answer was marked blind already, or is no audit.", 409)
    staff.note(What.AUDIT_MARKED, review.submission, by=by, review=review.pk)
    review.refresh_from_db()
    if review.submission.current.grader == Grader.PERSON:
        _close(review, by, marks, "")
    elif marks == machine_marks(review.evaluation):
        decide(review, by=by, marks=marks, reason="")
    review.refresh_from_db()
    return review


def machine_marks(evaluation: Evaluation) -> dict[str, str]:
    """By criterion id, as they were recorded."""
    return {mark["id"]: mark["mark"] for mark in (evaluation.result or {}).get("marks", [])}


def refuse_own(review: Review, by: User) -> None:
    if review.submission.user_id == by.pk:
        raise Refused("own_answer", "Your own answer is graded by somebody else.", 403)


def _close(review: Review, by: User, marks: dict[str, str], reason: str) -> None:
    """One conditional update: of two who decide at once, one changes a row."""
    won = Review.objects.filter(pk=review.pk, decided_at=None).update(
        decided_at=timezone.now(), decided_by=by, marks=marks, reason=reason.strip()
    )
    if won != 1:
        raise Refused("decided", "Somebody else has just decided this one.", 409)


def result_of(evaluation: Evaluation, marks: dict[str, str]) -> dict[str, Any]:
    """What the learner sees of a person's marks: labels, points, own quotes, and the author's words where points lack.

    Quotes that the machine found stay beside a criterion that earns; for one that does not they would be no evidence.
    """
    rubric = free_text(evaluation.version.parsed).rubric
    quotes = {mark["id"]: mark.get("evidence", []) for mark in (evaluation.result or {}).get("marks", [])}
    points = table.points(rubric, marks)
    return {
        "marks": [
            {
                "id": c.id,
                "label": c.label,
                "mark": marks[c.id],
                "points": points[c.id],
                "points_max": c.points,
                "evidence": quotes.get(c.id, []) if _shows_quotes(c.kind, marks[c.id]) else [],
                "improve": c.improve if points[c.id] < c.points else "",
            }
            for c in rubric
        ]
    }


def _shows_quotes(kind: str, mark: str) -> bool:
    return (mark == "not_met") if kind == "must_not_claim" else (mark != "not_met")
