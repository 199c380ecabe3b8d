"""The only writers of contributions and predictions."""

import secrets
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts.models import User
from gradus.courses.models import Lesson
from gradus.laboratory.models import SURE, Contribution, Prediction
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.services import Refused

# The highest number that every database keeps in the column of a run's repetition.
HIGHEST = 32_767


def begun_set(user: User, lesson: Lesson, finding: str, content: str) -> Contribution | None:
    """The learner's set of this content whose arms have not all been run."""
    return Contribution.objects.begun().filter(user=user, lesson=lesson, finding=finding, content=content).first()


def begin(user: User, lesson: Lesson, finding: str, content: str, above: int) -> Contribution:
    """Draws a set for the learner that nobody has: its number is above `above`. One is begun at a time.

    The learner has no part in the draw, so the sets are a random sample whatever learners would prefer.

    Raises:
        Refused: 429 where the learner has begun all sets of the day, 409 where the draw lost too many races.
    """

    def once() -> Contribution:
        own = begun_set(user, lesson, finding, content)
        if own is None:
            number = above + 1 + secrets.randbelow(HIGHEST - above)
            slot = slots.take(limits.SETS, Use(user=user, lesson=lesson, finding=finding))
            own = Contribution.objects.create(
                user=user, lesson=lesson, finding=finding, content=content, number=number, slot=slot
            )
        return own

    return slots.try_again(once)


def predict(contribution: Contribution, arm: str, probability: float) -> Prediction:
    """Keeps what the learner says before the first arm of the set is queued, in the transaction that queues it.

    Raises:
        Refused: 422 for a probability that cannot be chosen.
    """
    if probability not in SURE:
        listed = ", ".join(f"{round(100 * one)}" for one in SURE)
        said = _("Choose how sure you are: %(listed)s %%.") % {"listed": listed}
        raise Refused("no_such_probability", said, problems=[_problem("no_such_probability", "probability", said)])
    return Prediction.objects.create(contribution=contribution, arm=arm, probability=probability)


def _problem(code: str, field: str, message: str) -> dict[str, Any]:
    return {"code": code, "field": field, "message": message}


def count(contribution: Contribution, scores: Mapping[str, Any]) -> bool:
    """Makes the set a dot of the figure. Returns False if it has been one already."""
    rows = Contribution.objects.begun().filter(pk=contribution.pk)
    return rows.update(scores=dict(scores), counted_at=timezone.now()) == 1


def settle(contribution: Contribution, outcome_of: Mapping[str, float]) -> None:
    """Settles the prediction of the set, if there is one, with the outcome of its arm. It happens once."""
    prediction = Prediction.objects.filter(contribution=contribution, outcome=None).first()
    if prediction is not None and prediction.arm in outcome_of:
        rows = Prediction.objects.filter(pk=prediction.pk, outcome=None)
        rows.update(outcome=outcome_of[prediction.arm], settled_at=timezone.now())


@transaction.atomic
def withdraw(user: User, pk: int) -> Contribution | None:
    """Takes the learner's dot back: its scores are deleted, and the row keeps the day's slot. Twice is once.

    Returns None if the learner has no such dot. A prediction keeps its result.
    """
    rows = Contribution.objects.filter(user=user, pk=pk, counted_at__isnull=False)
    rows.filter(withdrawn_at=None).update(scores=None, withdrawn_at=timezone.now())
    return rows.select_related("lesson").first()
