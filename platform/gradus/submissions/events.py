"""Tells others what happens to an evaluation: events for pages and the API's streams, and signals for other apps.

Signals are sent inside the transaction of what they are about, which a receiver aborts by raising. `submitting`: an
attempt is about to be stored, and its learner is locked (`user`, `challenge`, `text_digest`, `withdraw_earlier`).
`recorded`: a grade was recorded (`evaluation`, `outcome`). `closed`: an evaluation ended without a grade
(`evaluation`). `adopted`: a held grade became current (`evaluation`, `proposal`). `scores_changed`: scores of these
learners on a board may have changed, withheld ones too (`user_ids`, `challenge_id`, `track`). `released`: learners may
see these grades from now on (`submissions`). `entry_decided`: a person hid an entry, restored it, or read the
answer of its learner, who is told (`mark`, `kind` of the notice). `attempt_decided`: the same of an attempt that was
annulled or counts again (`annulment`, `kind`). Only `rules_applied` is sent outside a transaction: attempts follow the
release rules of this class and challenge, or of all where they are None (`of_class`, `challenge`, `waits`).
"""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Max
from django.dispatch import Signal

from challenges.characters import cleaned
from challenges.jobs import Item
from gradus.submissions.models import Evaluation, Event
from gradus.submissions.states import State

submitting = Signal()
recorded = Signal()
closed = Signal()
adopted = Signal()
scores_changed = Signal()
released = Signal()
entry_decided = Signal()
attempt_decided = Signal()
rules_applied = Signal()


def append_events(evaluation_id: int, fence: int, items: Sequence[Item]) -> bool:
    """Appends events for the worker that holds the fence. Returns False, and writes nothing, if it lost the lease."""
    with transaction.atomic():
        held = Evaluation.objects.select_for_update().filter(pk=evaluation_id, fence=fence, state=State.RUNNING)
        evaluation = held.first()
        if evaluation is None:
            return False
        write(evaluation, items)
    return True


def write(evaluation: Evaluation, items: Sequence[Item]) -> None:
    """Appends events within the caller's transaction, which must have locked the evaluation."""
    last = Event.objects.filter(evaluation=evaluation).aggregate(last=Max("seq"))["last"] or 0
    Event.objects.bulk_create(
        Event(evaluation=evaluation, seq=last + n, type=type_, data=cleaned(data))
        for n, (type_, data) in enumerate(items, 1)
    )
