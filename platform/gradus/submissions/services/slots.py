"""Slots keep the limits on what learners do. A unique key on (whose, number) settles parallel requests, where a count
would let several through; each slot stores how many were allowed when it was taken, and a CHECK holds it to that."""

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction

from gradus.submissions.models import Evaluation, GuestSlot, InFlight, QuotaSlot, Refund, RunSlot, Submission
from gradus.submissions.services.refusal import Refused

Done = TypeVar("Done")
# How often a lost race for a slot is tried again; each loss means that another request won, so it ends.
RACES = 30


def take(model: type[models.Model], whose: dict[str, Any], allowed: int, **owner: Any) -> bool:
    """Takes the lowest free slot of `whose`, within the caller's transaction; False where `allowed` are in use.

    Raises:
        IntegrityError: another transaction has taken this slot meanwhile; see `try_again`.
    """
    rows = model._default_manager
    used = set(rows.filter(**whose).values_list("slot", flat=True))
    if len(used) >= allowed:
        return False
    free = next(slot for slot in count(1) if slot not in used)
    rows.create(**whose, **owner, slot=free, allowed=allowed)
    return True


def try_again(work: Callable[[], Done]) -> Done:
    """Does `work` in a transaction (a savepoint within another one), again where it has lost a race for a slot.

    Raises:
        Refused: 409 where it has lost every time.
    """
    for _ in range(RACES):
        try:
            with transaction.atomic():
                return work()
        except IntegrityError:
            continue
    raise Refused("busy", "Several of your requests arrived at once. Please try again.", 409, retry_after=1)


def release(evaluation: Evaluation) -> None:
    """Frees the slot that an open submission or run of this evaluation's learner holds."""
    if evaluation.run_id is not None:
        RunSlot.objects.filter(run_id=evaluation.run_id).delete()
    if evaluation.submission_id is not None:
        InFlight.objects.filter(submission_id=evaluation.submission_id).delete()


def give_back(submission: Submission, reason: str) -> None:
    """Gives the attempt back, a guest's as well, and logs why; twice is the same as once."""
    of_day, _ = QuotaSlot.objects.filter(submission=submission).delete()
    of_guest, _ = GuestSlot.objects.filter(submission=submission).delete()
    if of_day or of_guest:
        Refund.objects.get_or_create(submission=submission, defaults={"reason": reason})
