"""Joins two rankings into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

K = 60


def order(scores: NDArray[np.float64]) -> list[int]:
    """The numbers of the passages with a score above 0, the best first; of equal ones the earlier one comes first."""
    ranked = np.argsort(-scores, kind="stable")
    return [int(number) for number in ranked if scores[number] > 0]


def fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009): the sum of 1 / (60 + rank) over the rankings."""
    sums: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking, 1):
            sums[number] = sums.get(number, 0.0) + 1 / (K + rank)
    return sorted(sums, key=lambda number: (-sums[number], number))
