"""Measures of agreement, compared with values computed by hand and by scikit-learn."""

import random

import pytest
from sklearn.metrics import cohen_kappa_score

from graders import agreement


def test_qwk_is_cohens_with_quadratic_weights() -> None:
    chance = random.Random(3)
    person = [chance.randrange(5) for _ in range(60)]
    machine = [min(4, max(0, mark + chance.choice([-1, 0, 0, 1]))) for mark in person]
    theirs = cohen_kappa_score(person, machine, weights="quadratic", labels=range(5))
    assert agreement.qwk(person, machine) == pytest.approx(theirs)
    assert agreement.qwk([p / 4 for p in person], [m / 4 for m in machine]) == pytest.approx(theirs)


def test_perfect_opposite_and_constant() -> None:
    assert agreement.qwk([0, 0.5, 1], [0, 0.5, 1]) == 1
    assert agreement.qwk([0, 1], [1, 0]) == -1
    assert agreement.qwk([0.5, 0.5], [0.5, 0.5]) == 1
    assert agreement.kappa(["met", "met"], ["met", "met"]) == 1
    assert agreement.pearson([0.5, 0.5], [0, 1]) == 0


def test_bias_has_a_sign_and_mae_has_none() -> None:
    assert agreement.bias([0.5, 1.0], [0.25, 0.75]) == -0.25
    assert agreement.mae([0.5, 1.0], [0.75, 0.75]) == 0.25


def test_an_interval_holds_the_value_and_is_the_same_again() -> None:
    person, machine = [0, 0.2, 0.4, 0.6, 0.8, 1.0] * 4, [0.1, 0.2, 0.3, 0.7, 0.8, 0.9] * 4
    low, high = agreement.interval(agreement.qwk, person, machine)
    assert low < agreement.qwk(person, machine) < high
    assert agreement.interval(agreement.qwk, person, machine) == (low, high)


def test_coverage_counts_the_surest_first() -> None:
    found = agreement.coverage([True, False, True, False, True], [0.9, 0.1, 0.8, 0.2, 0.7])
    assert found["0.6"] == 1.0
    assert found["1.0"] == 0.6


@pytest.mark.parametrize("measure", [agreement.qwk, agreement.bias, agreement.mae, agreement.pearson])
def test_nothing_to_compare_is_an_error(measure) -> None:
    with pytest.raises(ValueError, match="at least one"):
        measure([], [])
    with pytest.raises(ValueError, match="as many"):
        measure([1.0], [1.0, 0.0])


@pytest.mark.parametrize(
    ("count", "total", "bound"), [(0, 150, 0.0198), (0, 59, 0.0495), (1, 100, 0.0466), (3, 3, 1.0), (0, 0, 1.0)]
)
def test_the_upper_bound_is_clopper_and_pearsons(count: int, total: int, bound: float) -> None:
    assert agreement.upper_bound(count, total) == pytest.approx(bound, abs=1e-4)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(95, 100, 0.8882, 0.9785), (38, 40, 0.8350, 0.9862), (16, 16, 0.8064, 1.0), (0, 0, 0.0, 1.0)],
)
def test_the_interval_of_a_share_is_wilsons(count: int, total: int, low: float, high: float) -> None:
    assert agreement.wilson(count, total) == pytest.approx((low, high), abs=1e-4)
