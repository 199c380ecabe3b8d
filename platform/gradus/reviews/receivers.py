"""Signal handlers that react to the end of an evaluation, in the transaction that ends it."""

from typing import Any

from gradus.django_internals import delete_without_signals
from gradus.reviews.models import JudgeCall
from gradus.reviews.services import appeals, latest, opening
from gradus.submissions.models import Evaluation, Grader
from gradus.submissions.services import Outcome
from gradus.submissions.states import State


def on_recorded(sender: object, evaluation: Evaluation, outcome: Outcome, **extra: Any) -> None:
    """Opens a review or an audit of a new grade. A grade that is only held opens none, because it does not count."""
    if evaluation.grader == Grader.SECOND:
        appeals.second_graded(evaluation)
    elif evaluation.is_current:
        if evaluation.number > 1:
            opening.supersede(evaluation)
        opening.open_review(evaluation, outcome)
        settle(evaluation)


def on_adopted(sender: object, evaluation: Evaluation, proposal: dict[str, Any], **extra: Any) -> None:
    """Opens a review or an audit of a held grade that has become current."""
    opening.open_adopted(evaluation, proposal)
    settle(evaluation)


def settle(evaluation: Evaluation) -> None:
    """Lets earlier attempts of the learner give way to one that has come to wait for a person."""
    if evaluation.state == State.REVIEW and evaluation.submission is not None:
        latest.settle(evaluation.submission)


def on_erased(sender: object, instance: Evaluation, **extra: Any) -> None:
    """Deletes the judge's calls for a deleted evaluation. The database refuses to delete them before it."""
    delete_without_signals(JudgeCall.objects.filter(evaluation_id=instance.pk))


def on_closed(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    """Passes an appeal on to a person if its second grader has failed."""
    if evaluation.grader == Grader.SECOND:
        appeals.second_graded(evaluation)
