"""Tests whether two submissions differ on the same rows by more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 9_999
SEED = 17


def paired_test(a: Sequence[float], b: Sequence[float]) -> float:
    """The two-sided p-value of the hypothesis that the scores `a` and `b` of the same rows differ only by chance.

    If all scores are 0 or 1 it is the exact McNemar test (McNemar 1947), else a sign-flip permutation test of the mean
    difference with a fixed seed. Raises ValueError if the lengths differ or there are no rows.
    """
    if not a or len(a) != len(b):
        raise ValueError("a paired test needs two scores for each of at least one row")
    if all(value in (0, 1) for value in (*a, *b)):
        return _mcnemar(sum(x > y for x, y in zip(a, b, strict=True)), sum(x < y for x, y in zip(a, b, strict=True)))
    return _sign_flip(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64))


def _mcnemar(wins: int, losses: int) -> float:
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / (1 << n))


def _sign_flip(differences: NDArray[np.float64]) -> float:
    signs = np.random.default_rng(SEED).choice((-1.0, 1.0), size=(PERMUTATIONS, len(differences)))
    # Rounding makes sums that are equal on paper differ in the last bits; the comparison allows for that.
    extreme = int(np.count_nonzero(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12))
    return (extreme + 1) / (PERMUTATIONS + 1)
