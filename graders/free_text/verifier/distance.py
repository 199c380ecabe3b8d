"""Compares the judge's marks with the built-in estimate, and sends an answer to a person if they are far from it.

A manipulated judge gives too many points, so a score above the estimate needs a smaller distance than one below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from challenges.kinds.rubric import Criterion
from challenges.marks import SHARES, score
from graders.base import Mark

ABOVE_MAX = 0.25
BELOW_MAX = 0.5
HEAVY_SHARE = 0.20
# With 0.5, 7 % more of the honest answers would go to a person, and 4 % more of the open attacks would be stopped.
SUPPORT_MIN = 0.2
EXACT = 1e-9
# Votes are cheaper than a person's time, so a smaller gap asks for more votes than for a person.
VOTE_GAP = 0.35
REVIEW_GAP = 0.5


def far(marks: Mapping[str, Mark], values: Mapping[str, float], gap: float) -> list[str]:
    """Returns the criteria whose mark differs from the estimate by at least the share `gap` of the points.

    `values` are the estimated shares in [0, 1] of each criterion's points.
    """
    return [id for id, mark in marks.items() if abs(SHARES[mark] - values[id]) >= gap]


def rules(rubric: Sequence[Criterion], marks: Mapping[str, Mark], values: Mapping[str, float]) -> list[str]:
    """Returns the rules that ask for a person; `values` are the estimated shares in [0, 1] of each criterion's points.

    The rules: the score is 0.25 or more above the estimated score; it is 0.5 or more below it; a criterion worth at
    least 20 % of the points is met although its estimate is below 0.2.
    """
    total = sum(c.points for c in rubric)
    gap = score(rubric, marks) - sum(c.points * values[c.id] for c in rubric) / total
    broken = ["score-above-estimate"] if gap >= ABOVE_MAX - EXACT else []
    broken += ["unlike-graded-answers"] if gap <= EXACT - BELOW_MAX else []
    return broken + [
        f"met-without-likeness: {c.id}"
        for c in rubric
        if c.points / total >= HEAVY_SHARE - EXACT and marks[c.id] is Mark.MET and values[c.id] < SUPPORT_MIN
    ]
