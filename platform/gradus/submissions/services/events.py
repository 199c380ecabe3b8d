"""The event table: what submission pages and `/events` follow."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max

from challenges.characters import cleaned
from gradus.submissions.models import Evaluation, Event
from gradus.submissions.states import State

# Type and data.
Item = tuple[str, dict[str, Any]]


def append_events(evaluation_id: int, fence: int, items: Sequence[Item]) -> bool:
    """Appends under the fence; False where the lease was lost, and then nothing is written."""
    with transaction.atomic():
        held = Evaluation.objects.select_for_update().filter(pk=evaluation_id, fence=fence, state=State.RUNNING)
        evaluation = held.first()
        if evaluation is None:
            return False
        write(evaluation, items)
    return True


def write(evaluation: Evaluation, items: Sequence[Item]) -> None:
    """Within the caller's transaction."""
    last = Event.objects.filter(evaluation=evaluation).aggregate(last=Max("seq"))["last"] or 0
    Event.objects.bulk_create(
        Event(evaluation=evaluation, seq=last + n, type=type_, data=cleaned(data))
        for n, (type_, data) in enumerate(items, 1)
    )
