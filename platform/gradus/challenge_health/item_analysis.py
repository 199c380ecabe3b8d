"""Which rows tell learners apart: the share that is right, and the discrimination of each row against the rest.

Classical item analysis: the discrimination of a row is the correlation, over learners, of its score with the mean of
all other rows (corrected item-total correlation), from -1 to 1. Near 0 the row says nothing about who is good, and
below 0 those who do well elsewhere miss it more often than others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from operator import mul

from gradus.challenge_health.models import NO_SCORE

# With fewer learners, one of them moves a correlation too far.
LEARNERS_MIN = 20
WRONG_SHOWN = 3


@dataclass(frozen=True)
class ItemFigures:
    """One row, over `learners`: the mean of its scores in [0, 1], its discrimination in [-1, 1] or None where it is not
    known, and the wrong answers that most learners got, with how many.
    """

    learners: int
    share: float
    discrimination: float | None
    wrong: tuple[tuple[str, int], ...] = ()


def analysed(scores: Sequence[bytes], wrong: Iterable[Mapping[str, str]] = ()) -> list[ItemFigures]:
    """Returns the figures of each row.

    Args:
        scores: Of each learner, a byte for each row: hundredths of its score. Those with another number of rows than
            the first, or without a score for one of them, are left out.
        wrong: Wrong answers by the number of the row, of some of the learners.
    """
    rows = len(scores[0]) if scores else 0
    whole = [one for one in scores if len(one) == rows and NO_SCORE not in one]
    if not whole or not rows:
        return []
    answers: list[Counter[str]] = [Counter() for _ in range(rows)]
    for said in wrong:
        for at, answer in said.items():
            if int(at) < rows:
                answers[int(at)][answer] += 1
    joined, totals, learners = b"".join(whole), [sum(one) for one in whole], len(whole)
    found = []
    for number in range(rows):
        column = joined[number::rows]
        found.append(
            ItemFigures(
                learners,
                sum(column) / (100 * learners),
                _against_rest(column, totals) if learners >= LEARNERS_MIN and rows > 1 else None,
                tuple(answers[number].most_common(WRONG_SHOWN)),
            )
        )
    return found


def _against_rest(column: bytes, totals: Sequence[int]) -> float | None:
    """The correlation of a row's scores with those of all others together; None where either is the same for all."""
    n, sum_x, sum_t = len(column), sum(column), sum(totals)
    of_x = n * sum(map(mul, column, column)) - sum_x * sum_x
    of_t = n * sum(map(mul, totals, totals)) - sum_t * sum_t
    both = n * sum(map(mul, column, totals)) - sum_x * sum_t
    of_rest = of_t + of_x - 2 * both
    return (both - of_x) / sqrt(of_x * of_rest) if of_x > 0 and of_rest > 0 else None
