"""Signal handlers that write a notice when an evaluation ends, in the transaction that ends it."""

from typing import Any

from gradus.notices import services
from gradus.submissions.models import Evaluation
from gradus.submissions.states import State


def on_recorded(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    """A grade that is only held, or that belongs to an appeal, is not told yet: it may never count."""
    if evaluation.proposal is None:
        services.tell_of_end(evaluation)


def on_closed(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    """What the learner has cancelled is no news."""
    if evaluation.state != State.CANCELLED:
        services.tell_of_end(evaluation)
