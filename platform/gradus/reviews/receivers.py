"""What follows from the end of an evaluation; each inside the transaction that ends it."""

from typing import Any

from gradus.django_internals import delete_without_signals
from gradus.reviews.models import JudgeCall
from gradus.reviews.services import appeals, opening
from gradus.submissions.models import Evaluation, Grader
from gradus.submissions.services import Outcome


def on_recorded(sender: object, evaluation: Evaluation, outcome: Outcome, **extra: Any) -> None:
    """A held grade opens no review: it counts for nothing yet."""
    if evaluation.grader == Grader.SECOND:
        appeals.second_graded(evaluation)
    elif evaluation.proposal is None:
        if evaluation.number > 1:
            opening.supersede(evaluation)
        opening.open_review(evaluation, outcome)


def on_adopted(sender: object, evaluation: Evaluation, proposal: dict[str, Any], **extra: Any) -> None:
    opening.open_adopted(evaluation, proposal)


def on_erased(sender: object, instance: Evaluation, **extra: Any) -> None:
    """With an account its grades go, and only then may the calls behind them: the database holds to that order."""
    delete_without_signals(JudgeCall.objects.filter(evaluation_id=instance.pk))


def on_closed(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    """A second grader that fails leaves the appeal to a person."""
    if evaluation.grader == Grader.SECOND:
        appeals.second_graded(evaluation)
