"""How well a machine's grades agree with people's. Scores are shares of the points, in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, f1_score

Vector = NDArray[np.float64]
RESAMPLES = 1000
SHARES = (0.2, 0.4, 0.5, 0.6, 0.8, 1.0)


def qwk(person: Sequence[float], machine: Sequence[float]) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968), on scores of any equal spacing.

    One minus the mean squared difference over that of all pairs of one's and the other's scores; without bins, so no
    choice of bins decides. 1 where both are one and the same constant. Raises ValueError for no or unequal rows.
    """
    x, y = _pair(person, machine)
    observed = float(np.mean((x - y) ** 2))
    chance = float(np.mean(x**2) + np.mean(y**2) - 2 * np.mean(x) * np.mean(y))
    return 1 - observed / chance if chance > 1e-12 else 1.0


def kappa(person: Sequence[str], machine: Sequence[str]) -> float:
    """Cohen's kappa (1960) of two lists of marks; 1 where both give one and the same mark throughout."""
    if len({*person, *machine}) < 2:
        return 1.0
    return float(cohen_kappa_score(list(person), list(machine)))


def pearson(person: Sequence[float], machine: Sequence[float]) -> float:
    """Pearson's r; 0 where one of the two does not vary."""
    x, y = _pair(person, machine)
    return float(np.corrcoef(x, y)[0, 1]) if len(x) > 1 and np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0


def bias(person: Sequence[float], machine: Sequence[float]) -> float:
    """The mean of machine minus person: below 0 the machine is harsher."""
    x, y = _pair(person, machine)
    return float(np.mean(y - x))


def mae(person: Sequence[float], machine: Sequence[float]) -> float:
    """The mean absolute error."""
    x, y = _pair(person, machine)
    return float(np.mean(np.abs(y - x)))


def macro_f1(person: Sequence[bool], machine: Sequence[bool]) -> float:
    """The mean of F1 for passing and for not passing."""
    return float(f1_score(list(person), list(machine), average="macro", zero_division=0))


def interval(
    measure: Callable[[Sequence[float], Sequence[float]], float], person: Sequence[float], machine: Sequence[float]
) -> tuple[float, float]:
    """The middle 95 % of `measure` over rows drawn with replacement (Efron 1979), from a fixed seed."""
    x, y = _pair(person, machine)
    draws = np.random.default_rng(17).integers(0, len(x), (RESAMPLES, len(x)))
    found = [measure(x[rows].tolist(), y[rows].tolist()) for rows in draws]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def coverage(right: Sequence[bool], certainty: Sequence[float]) -> dict[str, float]:
    """The share of right ones among the surest 20 %, 40 %, ... of the rows, by that share."""
    order = np.argsort([-value for value in certainty], kind="stable")
    ranked = np.asarray(right, dtype=np.float64)[order]
    counts = {share: max(1, round(share * len(ranked))) for share in SHARES}
    return {f"{share:.1f}": float(ranked[:count].mean()) for share, count in counts.items()}


def fifths(values: Sequence[float], certainty: Sequence[float]) -> list[float]:
    """The mean of `values` among the surest fifth of the rows, the next, and so on; five rows are needed at least."""
    order = np.argsort([-value for value in certainty], kind="stable")
    ranked = np.asarray(values, dtype=np.float64)[order]
    return [float(part.mean()) for part in np.array_split(ranked, 5) if len(part)]


def upper_bound(count: int, total: int, confidence: float = 0.95) -> float:
    """The largest rate at which `count` or fewer of `total` still happen with probability 1 - `confidence`.

    One-sided and exact (Clopper & Pearson 1934): none of 150 still allows 2 %. 1 where `total` is 0.
    """
    low, high = 0.0, 1.0
    if count >= total:
        return 1.0
    for _ in range(50):
        rate = (low + high) / 2
        low, high = (rate, high) if _at_most(count, total, rate) > 1 - confidence else (low, rate)
    return high


def _at_most(count: int, total: int, rate: float) -> float:
    """The probability of at most `count` of `total`."""
    return math.fsum(math.comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in range(count + 1))


def _pair(person: Sequence[float], machine: Sequence[float]) -> tuple[Vector, Vector]:
    if not len(person) or len(person) != len(machine):
        raise ValueError("agreement needs as many machine's as people's scores, and at least one")
    return np.asarray(person, dtype=np.float64), np.asarray(machine, dtype=np.float64)
