"""Services that append to the event table, which submission pages and the API's event streams follow."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max

from challenges.characters import cleaned
from gradus.submissions.models import Evaluation, Event
from gradus.submissions.states import State

# An event: its type and its data.
Item = tuple[str, dict[str, Any]]


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
