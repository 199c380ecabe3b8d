"""Reviews are opened with a grade: where a rule asks for a person, and for a random share of what is final."""

from __future__ import annotations

import random
from typing import Any

from django.conf import settings

from challenges import kinds
from gradus.reviews.models import JudgeCall, Review
from gradus.reviews.raw_results import raw_result
from gradus.submissions.models import Evaluation
from gradus.submissions.services import Outcome
from gradus.submissions.states import State

DRAW = random.SystemRandom()
# A question under a judge is new until this many of its final grades were marked blind.
NEW_UNTIL = 20


def open_review(evaluation: Evaluation, outcome: Outcome) -> None:
    """After a recorded grade, in its transaction: a review where a person is asked, else perhaps an audit."""
    if evaluation.submission is None or outcome.score is None:
        return
    open_for(evaluation, list(outcome.review), outcome.score, outcome.notes)


def open_adopted(evaluation: Evaluation, proposal: dict[str, Any]) -> None:
    """The same after a held grade became current; what waited about the grade before it waits no more."""
    supersede(evaluation)
    open_for(evaluation, proposal["review"], proposal["value"], proposal["notes"])


def open_for(evaluation: Evaluation, reasons: list[str], score: float, notes: dict[str, Any]) -> None:
    if evaluation.state == State.REVIEW:
        create(evaluation, reasons=reasons or ["provisional"], predicted=score, place=score, notes=notes)
    elif evaluation.submission is not None and kinds.find(evaluation.submission.kind).is_judged:
        judge = judge_of(notes)
        if DRAW.random() < audit_share(evaluation, judge):
            # Its place among the others is drawn as well: by the score it would tell what the machine found.
            values = {"reasons": ["audit"], "predicted": score, "place": DRAW.random()}
            create(evaluation, kind=Review.Kind.AUDIT, notes=notes, **values)


def create(evaluation: Evaluation, *, notes: dict[str, Any], **values: Any) -> Review:
    """One review per evaluation of a submission."""
    assert evaluation.submission is not None
    made: Review = Review.objects.create(
        submission=evaluation.submission,
        evaluation=evaluation,
        judge=judge_of(notes),
        language=notes.get("language", ""),
        **values,
    )
    return made


def supersede(evaluation: Evaluation) -> None:
    """Takes undecided reviews of other grades of the submission out of the queue; audits are about those grades."""
    waiting = Review.objects.waiting().filter(submission=evaluation.submission, kind=Review.Kind.REVIEW)
    waiting.exclude(evaluation=evaluation).delete()


def kept_notes(evaluation: Evaluation) -> dict[str, Any]:
    """The notes of a grade whose review opens later than the grade."""
    found: dict[str, Any] = raw_result(evaluation).get("notes", {})
    return found


def judge_of(notes: dict[str, Any]) -> str:
    """The model that answered the first call; none where code or the built-in verifier graded alone."""
    call = JudgeCall.objects.filter(pk__in=notes.get("calls", [])).order_by("pk").first()
    return call.model if call else ""


def audit_share(evaluation: Evaluation, judge: str) -> float:
    """The probability with which a final grade is audited: higher while question and judge are new to each other."""
    assert evaluation.submission is not None
    known = Review.objects.filter(
        kind=Review.Kind.AUDIT, blind_at__isnull=False, judge=judge, submission__version=evaluation.submission.version
    )
    share: float = settings.AUDIT_SHARE_NEW if known.count() < NEW_UNTIL else settings.AUDIT_SHARE
    return share
