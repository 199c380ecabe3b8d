"""How a hidden score is shown: floored to the challenge's step, and for contests only when it improves enough."""

from __future__ import annotations

import math

from challenges.spec import Feedback

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


def ladder(previous_shown: float | None, score: float, step: float) -> float:
    """The Ladder of Blum & Hardt 2015 (arXiv 1502.04585), floored instead of rounded to the nearest step.

    The shown score moves only on an improvement of at least a step over `previous_shown`; so a learner gains no
    information from attempts that do not improve.
    """
    shown = floor_to_step(score, step)
    if previous_shown is None:
        return shown
    return shown if round(shown - previous_shown, 10) >= round(step, 10) else previous_shown


def shown(feedback: Feedback, score: float, previous_shown: float | None = None) -> float:
    """What a learner sees of `score` under a challenge's feedback mode; `previous_shown` is the best so far."""
    if feedback.mode == "ladder":
        return ladder(previous_shown, score, feedback.step)
    return floor_to_step(score, feedback.step)
