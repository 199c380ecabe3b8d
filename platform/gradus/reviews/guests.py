"""The note to visitors without an account, whose answers are not sent to a judge, because that costs money."""

from django.utils.translation import gettext_lazy as _

from challenges import kinds
from gradus.accounts.models import User

NOTE = _(
    "You have no account, so no AI is asked about this answer: built-in checks estimate the grade, and it stays "
    "provisional until a person has looked at it."
)


def note(user: User | None, kind: str) -> str:
    """Returns the note for a visitor without an account at a judged challenge. For everyone else it is empty."""
    return str(NOTE) if kinds.find(kind).is_judged and (user is None or user.is_guest) else ""
