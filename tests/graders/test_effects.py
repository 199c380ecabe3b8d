"""Effects, compared with plain loops, and with simulated data whose true effect is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from graders.differences import Readings, difference, spread

LABELS = 3


def labels_of(seed, repetitions, rows, right):
    """Labels that are right with the probability `right`, and otherwise random, including -1."""
    chance = np.random.default_rng(seed)
    targets = chance.integers(0, LABELS, rows).astype(float)
    read = np.where(
        chance.random((repetitions, rows)) < right, targets, chance.integers(-1, LABELS, (repetitions, rows))
    )
    return read.astype(float), targets


def keys(repetitions, name="set"):
    return tuple(f"{name} {n}" for n in range(repetitions))


def f1(read, targets, rows):
    scores = []
    for label in sorted({targets[n] for n in rows}):
        right = sum(1 for n in rows if read[n] == targets[n] == label)
        wrong = sum(1 for n in rows if (read[n] == label) != (targets[n] == label))
        scores.append(2 * right / (2 * right + wrong))
    return sum(scores) / len(scores)


def test_the_oracle_is_the_libraries_macro_f1():
    read, targets = labels_of(4, 1, 30, 0.5)
    expected = f1_score(targets, read[0], labels=sorted(set(targets)), average="macro", zero_division=0)
    assert f1(read[0], targets, range(30)) == pytest.approx(expected)


def average(read, targets, rows):
    return sum(read[n] for n in rows) / len(rows)


def expanded(counts):
    return [n for n, count in enumerate(counts) for _ in range(int(count))]


def draws(seed, resamples, rows, *repetitions):
    """The random draws of the code under test, in its order."""
    chance = np.random.default_rng(seed)
    yield chance.multinomial(rows, [1 / rows] * rows, size=resamples)
    for count in repetitions:
        yield chance.multinomial(max(1, count - 1), [1 / count] * count, size=resamples)


def oracle_difference(score, a, b, targets, paired, best, resamples, seed):
    shape = [len(a)] if paired else [len(a), len(b)]
    rows, first, *rest = draws(seed, resamples, len(a[0]), *shape)
    second = first if paired else rest[0]
    found = []
    for n in range(resamples):
        chosen = expanded(rows[n])
        ours = [score(a[r], targets, chosen) for r in expanded(first[n])]
        theirs = [score(b[r], targets, chosen) for r in (range(len(b)) if best else expanded(second[n]))]
        found.append(sum(ours) / len(ours) - (max(theirs) if best else sum(theirs) / len(theirs)))
    everything = range(len(a[0]))
    a_all, b_all = ([score(one, targets, everything) for one in arm] for arm in (a, b))
    effect = sum(a_all) / len(a_all) - (max(b_all) if best else sum(b_all) / len(b_all))
    below, above = (sum(1 for d in found if d * sign <= 1e-12) for sign in (1, -1))
    p = min(1.0, 2 * (min(below, above) + 1) / (resamples + 1))
    return effect, *np.percentile(found, [2.5, 97.5]), p


@pytest.mark.parametrize("best", [False, True])
@pytest.mark.parametrize("paired", [False, True])
def test_a_difference_of_macro_f1_is_the_oracles(paired, best):
    a, targets = labels_of(1, 4, 15, 0.7)
    b, _ = labels_of(2, 4, 15, 0.4)
    first, second = Readings(a, keys(4), targets), Readings(b, keys(4) if paired else keys(4, "file"), targets)
    found = difference(first, second, best=best, resamples=60, seed=5)
    expected = oracle_difference(f1, a, b, targets, paired, best, 60, 5)
    assert (found.effect, found.low, found.high, found.p) == pytest.approx(expected, abs=1e-12)


def test_a_difference_of_means_with_one_run_on_one_side_is_the_oracles():
    chance = np.random.default_rng(3)
    a, b = chance.random((5, 12)), chance.random((1, 12))
    found = difference(Readings(a, keys(5)), Readings(b, ("file",)), resamples=80, seed=6)
    expected = oracle_difference(average, a, b, None, False, False, 80, 6)
    assert (found.effect, found.low, found.high, found.p) == pytest.approx(expected, abs=1e-12)


def test_a_spread_is_the_oracles():
    arms = [labels_of(seed, 3, 10, 0.6)[0] for seed in (1, 2, 3)]
    targets = labels_of(1, 3, 10, 0.6)[1]
    found = spread([Readings(one, keys(3), targets) for one in arms], resamples=40, permutations=25, seed=7)
    chance = np.random.default_rng(7)
    rows = chance.multinomial(10, [0.1] * 10, size=40)
    repetitions = chance.multinomial(2, [1 / 3] * 3, size=40)

    def ranges(arms, rows):
        scores = [[f1(arm[r], targets, rows) for arm in arms] for r in range(3)]
        return [max(row) - min(row) for row in scores]

    drawn = []
    for n in range(40):
        found_ranges = ranges(arms, expanded(rows[n]))
        drawn.append(sum(found_ranges[r] for r in expanded(repetitions[n])) / 2)
    effect = sum(ranges(arms, range(10))) / 3
    extreme = 0
    for _ in range(25):
        order = chance.permuted(np.tile(np.arange(3), (10, 1)), axis=1)
        mixed = [[[arms[order[n][k]][r][n] for n in range(10)] for r in range(3)] for k in range(3)]
        extreme += sum(ranges(mixed, range(10))) / 3 >= effect - 1e-12
    expected = (effect, *np.percentile(drawn, [2.5, 97.5]), (extreme + 1) / 26)
    assert (found.effect, found.low, found.high, found.p) == pytest.approx(expected, abs=1e-12)


def rows_right(chance, repetitions, rows, base, of_rows, of_repetitions):
    """Random scores of 0 or 1, with harder rows and better repetitions."""
    share = base + of_rows[None, :] + of_repetitions[:, None] + chance.normal(0, 0.1, (repetitions, rows))
    return (chance.random((repetitions, rows)) < share).astype(float)


def simulated(seed, repetitions, apart, rows=120):
    chance = np.random.default_rng(seed)
    of_rows = chance.normal(0, 0.3, rows)
    made = []
    for number, count in enumerate(repetitions):
        of_repetitions = chance.normal(0, 0.04, count) if count > 1 else np.zeros(1)
        values = rows_right(chance, count, rows, 0.6 + (apart if number == 0 else 0), of_rows, of_repetitions)
        made.append(Readings(values, keys(count, f"arm {number}")))
    return made


@pytest.mark.parametrize("repetitions", [(5, 1), (3, 1), (5, 5)])
def test_without_a_difference_the_interval_contains_zero_19_times_in_20(repetitions):
    found = [difference(*simulated(seed, repetitions, 0.0), resamples=400) for seed in range(200)]
    inside = sum(one.low <= 0 <= one.high for one in found)
    assert inside >= 184, inside
    assert sum(one.p < 0.05 for one in found) <= 16


def test_the_best_of_five_is_not_beaten_by_an_equal():
    """The best of five equal prompts is best by luck, so a sixth equal prompt must not be found higher or lower."""
    found = [difference(*simulated(seed, (3, 5), 0.0), best=True, resamples=400) for seed in range(200)]
    assert sum(one.low > 0 for one in found) <= 5


def test_a_big_difference_is_found():
    found = [difference(*simulated(seed, (5, 1), 0.25), resamples=400) for seed in range(40)]
    assert all(one.low > 0 and one.p < 0.05 for one in found)


def spread_arms(seed, apart):
    """Three arms on the same five sets, with differences of `apart` in a random order in each set."""
    chance = np.random.default_rng(seed)
    of_rows, of_sets = chance.normal(0, 0.3, 80), chance.normal(0, 0.05, 5)
    moved = np.array([chance.permutation([-apart, 0.0, apart]) for _ in range(5)])
    values = [rows_right(chance, 5, 80, 0.6, of_rows, of_sets + moved[:, n]) for n in range(3)]
    return [Readings(one, keys(5)) for one in values]


def test_a_spread_of_noise_is_not_called_one_and_a_real_one_is():
    noise = [spread(spread_arms(seed, 0.0), resamples=2, permutations=100) for seed in range(100)]
    assert sum(one.p < 0.05 for one in noise) <= 12
    real = [spread(spread_arms(seed, 0.2), resamples=2, permutations=100) for seed in range(10)]
    assert all(one.p < 0.05 and one.effect > 0.2 for one in real)
