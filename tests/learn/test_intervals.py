"""Intervals of a score on a few rows, against published values."""

import pytest

from gradus.intervals import score_interval, wilson


@pytest.mark.parametrize(
    ("right", "rows", "low", "high"),
    # Newcombe 1998, table I, method 3 (Wilson's score interval without continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_has_its_published_values(right, rows, low, high):
    assert wilson(right, rows) == pytest.approx((low, high), abs=5e-5)


def test_rows_that_are_right_or_wrong_get_wilsons_interval():
    assert score_interval("accuracy", [1.0] * 41 + [0.0] * 9) == pytest.approx(wilson(41, 50))


def test_rows_that_are_partly_right_get_the_normal_interval_of_their_mean():
    """Mean 0.5, sample variance 0.125, so that half of it is 1.96 * sqrt(0.125 / 5)."""
    assert score_interval("json_fields", [0.0, 0.25, 0.5, 0.75, 1.0]) == pytest.approx((0.153525, 0.846475), abs=1e-5)


def test_an_interval_stays_between_0_and_1():
    low, high = score_interval("json_fields", [0.0, 0.1, 0.9])
    assert 0 == low < high <= 1


@pytest.mark.parametrize("metric", ["macro_f1", "a_metric_whose_package_is_gone"])
def test_a_metric_that_is_not_the_mean_of_its_rows_gets_none(metric):
    assert score_interval(metric, [1.0, 0.0, 1.0]) is None


@pytest.mark.parametrize("scores", [[], [1.0], [0.5, 0.5, 0.5]])
def test_rows_that_say_nothing_about_chance_get_none(scores):
    assert score_interval("json_fields", scores) is None
