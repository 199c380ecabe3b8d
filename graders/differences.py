"""Tells by how much results differ, and whether the difference is more than chance.

Two submissions are compared on the same rows. The arms of an experiment are compared over rows and repetitions, with
confidence intervals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from challenges.findings.digest import LEVEL, PERMUTATIONS, RESAMPLES, TEST_SEED

Array = NDArray[np.float64]
TIE = 1e-12


@dataclass(frozen=True)
class Readings:
    """The results of one arm of an experiment. All arms have results on the same rows.

    Without `targets` the metric is the mean of `values`, of shape (repetitions, rows), which holds the score of each
    row. With `targets`, of shape (rows,), the metric is macro F1: `targets[n]` is the number of row n's label, and
    `values[r, n]` is the number of the label that repetition r predicted, or -1 for none. `keys` names the repetitions.
    Two arms with equal keys have the same example sets, seeds or files, and are compared in pairs.
    """

    values: Array
    keys: tuple[str, ...]
    targets: Array | None = None


@dataclass(frozen=True)
class Effect:
    """A difference in the metric with its 95 % confidence interval and its two-sided p-value."""

    effect: float
    low: float
    high: float
    p: float


def difference(
    first: Readings, second: Readings, *, best: bool = False, resamples: int = RESAMPLES, seed: int = TEST_SEED
) -> Effect:
    """Returns the first arm's mean metric minus the second arm's; with `best`, minus the second arm's best repetition.

    Interval and p-value come from the pigeonhole bootstrap (Owen 2007, "The pigeonhole bootstrap"): rows and
    repetitions are resampled independently, and the metric is computed again. Both arms use the same resampled rows,
    and the same resampled repetitions if their keys are equal. With `best`, the second arm's repetitions are candidates
    instead of a sample: they are not resampled, and the best of them is chosen again on each resample, so that the
    interval includes the luck of that choice.
    """
    chance = np.random.default_rng(seed)
    rows = _counts(chance, first.values.shape[1], first.values.shape[1], resamples)
    ours = _repetition_weights(chance, first, resamples)
    theirs = ours if first.keys == second.keys else _repetition_weights(chance, second, resamples)
    upper, lower = metric(first, rows), metric(second, rows)
    drawn = _mean(upper, ours) - (lower.max(axis=1) if best else _mean(lower, theirs))
    scores = metric(second)[0]
    effect = metric(first)[0].mean() - (scores.max() if best else scores.mean())
    below, above = np.count_nonzero(drawn <= TIE), np.count_nonzero(drawn >= -TIE)
    p = min(1.0, 2 * (min(below, above) + 1) / (resamples + 1))
    return Effect(float(effect), *_middle(drawn), p)


def spread(
    arms: Sequence[Readings], *, resamples: int = RESAMPLES, permutations: int = PERMUTATIONS, seed: int = TEST_SEED
) -> Effect:
    """Returns the spread of the arms: the highest minus the lowest metric of a repetition, averaged over repetitions.

    All arms have the same repetitions. The interval comes from the pigeonhole bootstrap. The p-value comes from a
    permutation test, which shuffles the arms within each row in the same way in all repetitions.
    """
    chance = np.random.default_rng(seed)
    rows = _counts(chance, arms[0].values.shape[1], arms[0].values.shape[1], resamples)
    repetitions = _repetition_weights(chance, arms[0], resamples)
    ranges = np.ptp(np.stack([metric(arm, rows) for arm in arms]), axis=0)
    effect = float(np.ptp(np.stack([metric(arm)[0] for arm in arms]), axis=0).mean())
    shuffled = [_shuffled_spread(chance, arms) for _ in range(permutations)]
    extreme = sum(value >= effect - TIE for value in shuffled)
    return Effect(effect, *_middle(_mean(ranges, repetitions)), (extreme + 1) / (permutations + 1))


def metric(arm: Readings, rows: Array | None = None) -> Array:
    """Returns the metric of each repetition, of shape (resamples, repetitions).

    `rows[b, n]` is the weight of row n in resample b. Without `rows` there is one resample, of all rows once.
    """
    weights = np.ones((1, arm.values.shape[1])) if rows is None else rows
    if arm.targets is None:
        mean: Array = weights @ arm.values.T / weights.sum(axis=1, keepdims=True)
        return mean
    return _macro_f1(arm.values, arm.targets, weights)


def _macro_f1(values: Array, targets: Array, weights: Array) -> Array:
    """Macro F1, the mean of F1 over the labels that occur among the targets of a resample."""
    total = np.zeros((len(weights), len(values)))
    labels = np.zeros((len(weights), 1))
    for label in np.unique(targets):
        is_target, is_read = targets == label, values == label
        support = (weights @ is_target)[:, None]
        right, read = weights @ (is_read & is_target).T, weights @ is_read.T
        total += np.where(support > 0, 2 * right / np.maximum(support + read, 1), 0)
        labels += support > 0
    return total / labels


def _counts(chance: np.random.Generator, draws: int, among: int, resamples: int) -> Array:
    """How often each of `among` items is drawn in each resample, of shape (resamples, among)."""
    return chance.multinomial(draws, np.full(among, 1 / among), size=resamples).astype(np.float64)


def _repetition_weights(chance: np.random.Generator, arm: Readings, resamples: int) -> Array:
    """Returns the weights of the repetitions in each resample, from one draw fewer than there are repetitions.

    This makes the variance of a mean of few values unbiased (McCarthy and Snowden 1985, "The bootstrap and finite
    population sampling").
    """
    return _counts(chance, max(1, len(arm.keys) - 1), len(arm.keys), resamples)


def _mean(values: Array, weights: Array) -> Array:
    mean: Array = (values * weights).sum(axis=1) / weights.sum(axis=1)
    return mean


def _middle(drawn: Array) -> tuple[float, float]:
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)


def _shuffled_spread(chance: np.random.Generator, arms: Sequence[Readings]) -> float:
    values = np.stack([arm.values for arm in arms])
    order = chance.permuted(np.tile(np.arange(len(arms)), (values.shape[2], 1)), axis=1).T
    mixed = np.take_along_axis(values, order[:, None, :], axis=0)
    whole = Readings(mixed.reshape(-1, values.shape[2]), arms[0].keys, arms[0].targets)
    return float(np.ptp(metric(whole)[0].reshape(len(arms), -1), axis=0).mean())


SIGN_FLIPS = 9_999
SIGN_FLIP_SEED = 17


def paired_test(a: Sequence[float], b: Sequence[float]) -> float:
    """Returns the two-sided p-value of the hypothesis that scores `a` and `b` of the same rows differ only by chance.

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
    signs = np.random.default_rng(SIGN_FLIP_SEED).choice((-1.0, 1.0), size=(SIGN_FLIPS, len(differences)))
    # Rounding makes sums that are equal on paper differ in the last bits; the comparison allows for that.
    extreme = int(np.count_nonzero(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12))
    return (extreme + 1) / (SIGN_FLIPS + 1)
