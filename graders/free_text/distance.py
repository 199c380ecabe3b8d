"""How far a judge's marks may lie above the built-in estimate before a person looks at the answer.

The distance is one-sided. A judge that is talked round gives too much, so a score above the estimate is looked at
sooner than a score below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from challenges.kinds.rubric import Criterion
from graders.base import Mark
from graders.free_text.points import score

ABOVE_MAX = 0.25
BELOW_MAX = 0.5
HEAVY_SHARE = 0.20
# One half would send 7 % more of the honest answers to a person, and stop 4 % more of the open attacks.
SUPPORT_MIN = 0.2
EXACT = 1e-9


def rules(rubric: Sequence[Criterion], marks: Mapping[str, Mark], values: Mapping[str, float]) -> list[str]:
    """The rules that ask for a person. `values` are the estimated shares of each criterion's points, in [0, 1].

    The rules are that the score lies 0.25 or more above the estimate of the whole, that it lies 0.5 or more below it,
    and that a criterion worth at least 20 % of the points is met although its own estimate is below 0.2.
    """
    total = sum(c.points for c in rubric)
    gap = score(rubric, marks) - sum(c.points * values[c.id] for c in rubric) / total
    found = ["score-above-estimate"] if gap >= ABOVE_MAX - EXACT else []
    found += ["unlike-graded-answers"] if gap <= EXACT - BELOW_MAX else []
    return found + [
        f"met-without-likeness: {c.id}"
        for c in rubric
        if c.points / total >= HEAVY_SHARE - EXACT and marks[c.id] is Mark.MET and values[c.id] < SUPPORT_MIN
    ]
