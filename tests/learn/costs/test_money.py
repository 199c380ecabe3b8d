"""The arithmetic of costs, by hand."""

from __future__ import annotations

import pytest

from gradus.intervals import Spread, about, difference, of_rows, of_runs, shown_interval, wilson
from gradus.learn.costs.money import Prices, Tokens, mean_cost, request_costs, saved, volume

PRICES = Prices(input=2.0, cached=0.5, output=8.0, training=3.0)
LONG = Tokens(((1000.0, 10.0), (1200.0, 10.0)), 900, True)
SHORT = Tokens(((100.0, 10.0), (300.0, 10.0)), 0, True)


def test_a_request_costs_its_tokens() -> None:
    assert request_costs(PRICES, LONG, is_cached=False) == pytest.approx([0.00208, 0.00248])
    assert request_costs(PRICES, LONG, is_cached=True) == pytest.approx([0.00073, 0.00113])


def test_no_more_tokens_come_from_the_cache_than_are_read() -> None:
    assert request_costs(PRICES, Tokens(((0.0, 0.0), (10.0, 0.0)), 900, True), is_cached=True) == [0, 0.000005]


def test_without_a_measurement_caching_is_unknown() -> None:
    once = Tokens(((100.0, 10.0),), None, False)
    assert mean_cost(PRICES, once, is_cached=True) is None and saved(PRICES, LONG, once, is_cached=True) is None
    assert mean_cost(PRICES, once, is_cached=False) == Spread(0.00028)


def test_savings_are_compared_row_by_row() -> None:
    """Both rows save the same, however different the rows are."""
    saving = saved(PRICES, LONG, SHORT, is_cached=False)
    assert saving is not None and (saving.value, saving.low, saving.high) == pytest.approx((0.0018,) * 3)


def test_a_volume_has_the_ends_of_both_its_parts() -> None:
    found = volume([10.0, 12.0], Spread(0.5, 0.4, 0.6))
    assert found is not None
    assert (found.calls, found.low, found.high, found.has_spread) == (22, 17, 30, True)


def test_savings_that_may_be_none_leave_the_volume_open() -> None:
    found = volume([10.0], Spread(0.5, -0.1, 1.0))
    assert found is not None and (found.low, found.high) == (10, None)
    assert volume([10.0], Spread(0.0, -1.0, 1.0)) is None
    once = volume([10.0], Spread(0.5))
    assert once is not None and not once.has_spread


def test_spreads() -> None:
    assert of_runs([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0) and of_runs([3.0]) == Spread(3.0)
    assert of_rows([2.0]) == Spread(2.0)
    mean = of_rows([1.0, 2.0, 3.0])
    assert (mean.value, mean.low, mean.high) == pytest.approx((2.0, 2 - 1.131586, 2 + 1.131586))
    assert difference(Spread(5, 4, 6), Spread(2, 1, 3)) == Spread(3, 1, 5)
    assert difference(Spread(5, 4, 6), Spread(2)) == Spread(3)


def test_the_interval_of_a_shown_score_reaches_over_its_step() -> None:
    assert shown_interval("accuracy", 0.7, 0.02, 200) == (wilson(140, 200)[0], wilson(144, 200)[1])
    assert shown_interval("accuracy", 1.0, 0.02, 200) == (wilson(200, 200)[0], 1.0)


@pytest.mark.parametrize(("metric", "rows"), [("macro_f1", 200), ("accuracy", 9), ("accuracy", 0)])
def test_where_no_interval_would_be_true_there_is_none(metric: str, rows: int) -> None:
    assert shown_interval(metric, 0.7, 0.02, rows) is None


@pytest.mark.parametrize(("rows", "told"), [(0, 0), (9, 0), (10, 10), (19, 10), (99, 90), (210, 200), (1234, 1000)])
def test_the_number_of_hidden_rows_is_rounded_down(rows: int, told: int) -> None:
    assert about(rows) == told
