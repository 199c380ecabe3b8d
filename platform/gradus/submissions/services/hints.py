"""Services for the hints of a challenge."""

from django.db import transaction

from gradus.accounts.models import User
from gradus.courses import preview
from gradus.courses.models import Challenge
from gradus.submissions.models import HintsTaken


@transaction.atomic
def take_hint(user: User, challenge: Challenge) -> int:
    """Reveals the next hint, if there is one. Returns how many hints the learner has seen.

    Raises `Refused` (409) in the preview of a draft.
    """
    preview.refuse_to_store()
    row, _ = HintsTaken.objects.select_for_update().get_or_create(user=user, challenge=challenge)
    row.count = min(row.count + 1, len(challenge.spec.hints))
    row.save(update_fields=["count"])
    return row.count


def hints_taken(user: User | None, challenge: Challenge) -> list[str]:
    """Returns the hints that the learner has revealed, in order. In the preview of a draft these are all."""
    if preview.is_of_draft():
        return list(challenge.spec.hints)
    row = HintsTaken.objects.filter(user=user, challenge=challenge).first() if user else None
    return list(challenge.spec.hints[: row.count]) if row else []
