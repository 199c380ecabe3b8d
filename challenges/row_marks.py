"""Marks a public row as right, partly right or wrong, for pages, the API and the command line."""

from collections import Counter
from collections.abc import Iterable

from challenges.translation import gettext_noop, translated

RIGHT, PARTLY, WRONG = "right", "partly_right", "wrong"
MARKS = (RIGHT, PARTLY, WRONG)
WORDS = {RIGHT: gettext_noop("right"), PARTLY: gettext_noop("partly right"), WRONG: gettext_noop("wrong")}
COUNTS = {
    RIGHT: gettext_noop("%(count)s right"),
    PARTLY: gettext_noop("%(count)s partly right"),
    WRONG: gettext_noop("%(count)s wrong"),
}


def mark_of(score: float, correct: bool | None = None) -> str:
    """The mark of a row or field by its score in [0, 1]; between 0 and 1 it is partly right."""
    if correct if correct is not None else score >= 1 - 1e-9:
        return RIGHT
    return PARTLY if score > 0 else WRONG


def counted(marks: Iterable[str]) -> str:
    """A summary such as "12 right, 31 partly right, 12 wrong"; "partly right" is left out if no row is."""
    found = Counter(marks)
    shown = [mark for mark in MARKS if found[mark] or mark != PARTLY]
    return ", ".join(translated(COUNTS[mark]) % {"count": found[mark]} for mark in shown)
