"""Measures how well a machine's grades agree with people's. Scores are shares of the points, in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, f1_score

Vector = NDArray[np.float64]
RESAMPLES = 1000
SHARES = (0.2, 0.4, 0.5, 0.6, 0.8, 1.0)


def qwk(person: Sequence[float], machine: Sequence[float]) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968), computed on scores without putting them into bins.

    It is 1 - d / e: d is the mean squared difference of the two scores of a row, and e the mean squared difference over
    all pairs of a person's and a machine's score. It is 1 if both lists are the same constant. Raises ValueError if the
    lists are empty or differ in length.
    """
    x, y = _pair(person, machine)
    observed = float(np.mean((x - y) ** 2))
    chance = float(np.mean(x**2) + np.mean(y**2) - 2 * np.mean(x) * np.mean(y))
    return 1 - observed / chance if chance > 1e-12 else 1.0


def kappa(person: Sequence[str], machine: Sequence[str]) -> float:
    """Cohen's kappa (Cohen 1960) of two lists of marks; 1 if both lists contain only one and the same mark."""
    if len({*person, *machine}) < 2:
        return 1.0
    return float(cohen_kappa_score(list(person), list(machine)))


def pearson(person: Sequence[float], machine: Sequence[float]) -> float:
    """Pearson's correlation coefficient r; 0 if one of the lists is constant."""
    x, y = _pair(person, machine)
    return float(np.corrcoef(x, y)[0, 1]) if len(x) > 1 and np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0


def bias(person: Sequence[float], machine: Sequence[float]) -> float:
    """Returns the mean of the machine's score minus the person's; below 0 the machine is stricter."""
    x, y = _pair(person, machine)
    return float(np.mean(y - x))


def mae(person: Sequence[float], machine: Sequence[float]) -> float:
    """Returns the mean absolute error of the machine's scores."""
    x, y = _pair(person, machine)
    return float(np.mean(np.abs(y - x)))


def macro_f1(person: Sequence[bool], machine: Sequence[bool]) -> float:
    """Returns the mean of the F1 scores for passing and for not passing."""
    return float(f1_score(list(person), list(machine), average="macro", zero_division=0))


def interval(
    measure: Callable[[Sequence[float], Sequence[float]], float], person: Sequence[float], machine: Sequence[float]
) -> tuple[float, float]:
    """Returns the 95 % bootstrap interval of `measure` over the rows (Efron 1979), with a fixed seed."""
    x, y = _pair(person, machine)
    draws = np.random.default_rng(17).integers(0, len(x), (RESAMPLES, len(x)))
    resampled = [measure(x[rows].tolist(), y[rows].tolist()) for rows in draws]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def coverage(right: Sequence[bool], certainty: Sequence[float]) -> dict[str, float]:
    """Returns the share of right verdicts among the most certain 20 %, 40 %, ... of the rows, by that fraction."""
    order = np.argsort([-value for value in certainty], kind="stable")
    ranked = np.asarray(right, dtype=np.float64)[order]
    counts = {share: max(1, round(share * len(ranked))) for share in SHARES}
    return {f"{share:.1f}": float(ranked[:count].mean()) for share, count in counts.items()}


def fifths(values: Sequence[float], certainty: Sequence[float]) -> list[float]:
    """Returns the mean of `values` in the most certain fifth of at least five rows, the next fifth, and so on."""
    order = np.argsort([-value for value in certainty], kind="stable")
    ranked = np.asarray(values, dtype=np.float64)[order]
    return [float(part.mean()) for part in np.array_split(ranked, 5) if len(part)]


def upper_bound(count: int, total: int, confidence: float = 0.95) -> float:
    """Returns the upper confidence bound of a rate of which `count` events in `total` trials were seen.

    The bound is one-sided and exact (Clopper & Pearson 1934): for 0 of 150 it is 2 %. It is 1 if `total` is 0.
    """
    if not total:
        return 1.0
    return float(binomtest(count, total, alternative="less").proportion_ci(confidence, method="exact").high)


def wilson(count: int, total: int) -> tuple[float, float]:
    """Returns the two-sided 95 % interval of a share (Wilson 1927); it is (0, 1) if `total` is 0."""
    if not total:
        return 0.0, 1.0
    found = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def _pair(person: Sequence[float], machine: Sequence[float]) -> tuple[Vector, Vector]:
    if not len(person) or len(person) != len(machine):
        raise ValueError("agreement needs as many machine's as people's scores, and at least one")
    return np.asarray(person, dtype=np.float64), np.asarray(machine, dtype=np.float64)
