"""Slots enforce limits, such as the attempts of a learner a day, when requests arrive at the same time.

Each use takes a numbered row. A unique key on the owner and the number lets only one of two parallel requests have it,
where counting rows would let both through. A row also stores how many were allowed when it was taken, and a CHECK
constraint keeps its number within that.
"""

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext

from gradus.submissions.models import (
    Evaluation,
    GuestSlot,
    InFlight,
    NetworkSlot,
    OpenMeasurement,
    QuotaSlot,
    Refund,
    RunSlot,
    Submission,
)
from gradus.submissions.services.refusal import Refused

Done = TypeVar("Done")
# How often a lost race for a slot is tried again. Each loss means that another request has won, so this ends.
RACES = 30


def take(model: type[models.Model], whose: dict[str, Any], allowed: int, **owner: Any) -> bool:
    """Takes the lowest free slot of `whose` within the caller's transaction. Returns False if `allowed` are in use.

    Raises:
        IntegrityError: another transaction has taken this slot meanwhile. See `try_again`.
    """
    rows = model._default_manager
    used = set(rows.filter(**whose).values_list("slot", flat=True))
    if len(used) >= allowed:
        return False
    free = next(slot for slot in count(1) if slot not in used)
    rows.create(**whose, **owner, slot=free, allowed=allowed)
    return True


def try_again(work: Callable[[], Done]) -> Done:
    """Calls `work` in a transaction, or a savepoint within one, and calls it again if it lost a race for a slot.

    Raises:
        Refused: 409, it has lost the race `RACES` times.
    """
    for _ in range(RACES):
        try:
            with transaction.atomic():
                return work()
        except IntegrityError:
            continue
    raise Refused("busy", gettext("Several of your requests arrived at once. Please try again."), 409, retry_after=1)


def release(evaluation: Evaluation) -> None:
    """Frees the slot that an open submission or run of this evaluation's learner holds."""
    if evaluation.run_id is not None:
        RunSlot.objects.filter(run_id=evaluation.run_id).delete()
        OpenMeasurement.objects.filter(run_id=evaluation.run_id).delete()
    if evaluation.submission_id is not None:
        InFlight.objects.filter(submission_id=evaluation.submission_id).delete()


def give_back(submission: Submission, reason: str) -> None:
    """Gives the attempt of a learner or guest back and records why. Calling it twice changes nothing more."""
    of_day, _ = QuotaSlot.objects.filter(submission=submission).delete()
    of_guest, _ = GuestSlot.objects.filter(submission=submission).delete()
    NetworkSlot.objects.filter(submission=submission).delete()
    if of_day or of_guest:
        Refund.objects.get_or_create(submission=submission, defaults={"reason": reason})
