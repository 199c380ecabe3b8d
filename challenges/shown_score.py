"""How results are shown: the score on hidden rows, rounded, and public rows as right, partly right or wrong.

The score on hidden rows is rounded down to a step, and in contests it changes only when it has improved by a step.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from challenges.spec import Feedback
from challenges.translation import gettext_noop, translated

# A score is a ratio of small whole numbers, so a quotient this close under a whole step is that step.
_QUOTIENT_DIGITS = 9


def floor_to_step(score: float, step: float) -> float:
    """The largest multiple of `step` that is not above `score`, both in [0, 1].

    A score within a billionth of a step under a multiple counts as that multiple: 0.60 / 0.02 is 29.999... in
    binary. Raises ValueError if `step` is not positive or `score` is not a number.
    """
    if not step > 0 or math.isnan(score):
        raise ValueError("the step must be positive and the score a number")
    return round(math.floor(round(score / step, _QUOTIENT_DIGITS)) * step, 10)


def ladder(previous_shown: float, score: float, step: float) -> float:
    """The Ladder of Blum & Hardt 2015 (arXiv 1502.04585), floored instead of rounded to the nearest step.

    The shown score moves only on an improvement of at least a step over `previous_shown`, which is 0 before the first
    attempt; so a learner gains no information from attempts that do not improve.
    """
    shown = floor_to_step(score, step)
    return shown if round(shown - previous_shown, 10) >= round(step, 10) else previous_shown


def written(score: float, step: float | None = None) -> str:
    """A score in [0, 1] as people read it: two decimals, and a third where it is not 0.

    A shown score lies on its step. A score of public samples does not: with the challenge's `step` it is written with
    no more decimals than the shown scores of that challenge have.
    """
    if step is not None and round(100 * step, _QUOTIENT_DIGITS).is_integer():
        return f"{score:.2f}"
    text = f"{score:.3f}"
    return text[:-1] if text.endswith("0") else text


def shown_score(feedback: Feedback, score: float, previous_shown: float = 0.0) -> float:
    """The score in [0, 1] that a learner sees for the raw `score`; `previous_shown` is the best shown so far.

    Every shown score comes from here, so that no page tells more about hidden rows than another.
    """
    if feedback.mode == "ladder":
        return ladder(previous_shown, score, feedback.step)
    return floor_to_step(score, feedback.step)


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
    counts = Counter(marks)
    shown = [mark for mark in MARKS if counts[mark] or mark != PARTLY]
    return ", ".join(translated(COUNTS[mark]) % {"count": counts[mark]} for mark in shown)
