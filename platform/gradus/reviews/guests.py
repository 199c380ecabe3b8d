"""Visitors without an account never spend money: no judge is asked about their answers."""

from challenges import kinds
from gradus.accounts.models import User

NOTE = (
    "You have no account, so no AI is asked about this answer: built-in checks estimate the grade, and it stays "
    "provisional until a person has looked at it."
)


def note(user: User | None, kind: str) -> str:
    """What a visitor without an account reads beside a free-text challenge and its results; empty for others."""
    return NOTE if kinds.find(kind).is_judged and (user is None or user.is_guest) else ""
