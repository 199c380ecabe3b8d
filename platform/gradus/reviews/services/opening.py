"""Opens reviews of new grades: if a rule requires a person, and as audits of a random share of final grades."""

from __future__ import annotations

import random
from typing import Any

from django.conf import settings

from challenges.kinds import registry as kinds
from gradus.reviews.evidence import raw_result
from gradus.reviews.models import JudgeCall, QuestionSettings, Review
from gradus.submissions.models import Evaluation
from gradus.submissions.services import Outcome
from gradus.submissions.states import State

DRAW = random.SystemRandom()
# A judge is new to a question until this many of its final grades have been marked blind.
NEW_UNTIL = 20


def open_review(evaluation: Evaluation, outcome: Outcome) -> None:
    """Opens a review or perhaps an audit of a recorded grade, in its transaction."""
    if evaluation.submission is None:
        return
    open_for(evaluation, list(outcome.review), outcome.score, outcome.notes)


def open_adopted(evaluation: Evaluation, proposal: dict[str, Any]) -> None:
    """Opens a review or perhaps an audit of a held grade that has become current, and removes earlier reviews."""
    supersede(evaluation)
    open_for(evaluation, proposal["review"], proposal["value"], proposal["notes"])


def open_for(evaluation: Evaluation, reasons: list[str], score: float | None, notes: dict[str, Any]) -> None:
    """Opens a review if the evaluation needs one, and otherwise draws whether it is audited."""
    if evaluation.state == State.REVIEW:
        # Whoever has no grade at all comes first.
        create(evaluation, reasons=reasons or ["provisional"], predicted=score, place=score or 0.0, notes=notes)
    elif score is not None and evaluation.submission is not None and kinds.find(evaluation.submission.kind).is_judged:
        judge = judge_of(notes)
        if DRAW.random() < audit_share(evaluation, judge):
            # Its place in the queue is random, too. A place by score would reveal what the machine found.
            values = {"reasons": ["audit"], "predicted": score, "place": DRAW.random()}
            create(evaluation, kind=Review.Kind.AUDIT, notes=notes, **values)


def create(evaluation: Evaluation, *, notes: dict[str, Any], **values: Any) -> Review:
    """Creates the review of an evaluation, which has at most one."""
    assert evaluation.submission is not None
    made = Review(
        submission=evaluation.submission,
        evaluation=evaluation,
        judge=judge_of(notes),
        certainty=notes.get("certainty"),
        language=notes.get("language", ""),
        **values,
    )
    if made.kind == Review.Kind.REVIEW and is_marked_blind(evaluation.submission.challenge_id):
        made.blind, made.place = True, DRAW.random()
    made.save()
    return made


def is_marked_blind(challenge_id: int) -> bool:
    """Returns True if reviewers of this question mark every answer before they see the machine's marks."""
    return QuestionSettings.objects.filter(challenge=challenge_id, blind=True).exists()


def supersede(evaluation: Evaluation) -> None:
    """Deletes undecided reviews of earlier grades of the submission. Audits stay, because they measure those grades."""
    waiting = Review.objects.undecided().filter(submission=evaluation.submission, kind=Review.Kind.REVIEW)
    waiting.exclude(evaluation=evaluation).delete()


def kept_notes(evaluation: Evaluation) -> dict[str, Any]:
    """Returns the stored notes of a grade, for a review that is opened later than the grade."""
    kept: dict[str, Any] = raw_result(evaluation).get("notes", {})
    return kept


def judge_of(notes: dict[str, Any]) -> str:
    """Returns the model that answered the first call, or an empty text if only code graded."""
    call = JudgeCall.objects.filter(pk__in=notes.get("calls", [])).order_by("pk").first()
    return call.model if call else ""


def audit_share(evaluation: Evaluation, judge: str) -> float:
    """Returns the probability of an audit of a final grade, which is higher while the judge is new to the question."""
    assert evaluation.submission is not None
    known = Review.objects.filter(
        kind=Review.Kind.AUDIT, blind_at__isnull=False, judge=judge, submission__version=evaluation.submission.version
    )
    share: float = settings.AUDIT_SHARE_NEW if known.count() < NEW_UNTIL else settings.AUDIT_SHARE
    return share
