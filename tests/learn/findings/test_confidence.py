import math
import random
from itertools import pairwise
from statistics import fmean, stdev

import pytest

from gradus.learn.findings.confidence import interval

SIMULATIONS, LOOKS = 300, 60
DISTRIBUTIONS = {
    "one of two values": lambda chance: float(chance.random() < 0.3) * 2 - 1,
    "close together": lambda chance: 0.2 + chance.uniform(-0.05, 0.05),
    "rarely far off": lambda chance: 1.0 if chance.random() < 0.02 else chance.uniform(-0.1, 0.1),
}
MEANS = {"one of two values": -0.4, "close together": 0.2, "rarely far off": 0.02}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_it_contains_the_mean_at_every_look(name):
    """The interval is the intersection over all looks, so the last one tells of all of them."""
    chance = random.Random(f"sequence {name}")
    missed = 0
    for _ in range(SIMULATIONS):
        low, high = interval([DISTRIBUTIONS[name](chance) for _ in range(LOOKS)], -1, 1)
        missed += not low <= MEANS[name] <= high
    assert missed <= 0.05 * SIMULATIONS


def test_an_ordinary_interval_does_not():
    """Else the test above would tell nothing."""
    chance = random.Random("ordinary")
    missed = sum(_misses_once([chance.gauss(0, 0.1) for _ in range(LOOKS)], 0.0) for _ in range(SIMULATIONS))
    assert missed > 0.15 * SIMULATIONS


def _misses_once(values: list[float], mean: float) -> bool:
    looks = (values[:n] for n in range(5, len(values) + 1))
    return any(abs(fmean(seen) - mean) > 1.96 * stdev(seen) / math.sqrt(len(seen)) for seen in looks)


def test_it_never_widens_and_in_the_end_is_narrow():
    chance = random.Random("narrow")
    values = [0.1 + chance.uniform(-0.1, 0.1) for _ in range(200)]
    looks = [interval(values[:n], -1, 1) for n in range(0, 201, 10)]
    assert looks[0] == pytest.approx((-1, 1), abs=0.01)
    assert all(a[0] <= b[0] and b[1] <= a[1] for a, b in pairwise(looks))
    low, high = looks[-1]
    assert low < fmean(values) < high and high - low < 0.1


def test_a_range_of_its_own_and_values_at_its_ends():
    assert interval([0.0] * 80, 0, 1)[0] == 0.0 and interval([0.0] * 80, 0, 1)[1] < 0.1
    low, high = interval([1.0] * 80, 0, 1)
    assert low > 0.9 and high == 1.0
