"""Numbers are equal in any notation, and hostile numbers stay finite."""

from __future__ import annotations

import math

import pytest

from graders.free_text.verifier.numbers import same, values


@pytest.mark.parametrize(
    ("value", "ways"),
    [
        (1000, ["1,000", "1000", "1 000", "10^3", "1e3", "1k", "one thousand", "1.0 * 10^3"]),
        (16000, ["16k", "sixteen thousand", "1.6e4", "1.6 x 10^4", "16,000 numbers"]),
        (0.5, ["0.5", "0,5", ".5", "50 %", "50%", "fifty percent", "half", "one half", "1/2", "1 in 2"]),
        (0.75, ["3/4", "three quarters", "45 out of 60", "45/60", "75 per cent", "seventy-five percent"]),
        (-1, ["-1", "\u22121"]),
        (1600000, ["1.6 million", "1,600,000"]),
    ],
)
def test_one_number_in_many_ways(value: float, ways: list[str]) -> None:
    assert [way for way in ways if not same(values(way)[-1], value)] == []


@pytest.mark.parametrize("text", ["", "none", "L2", "the prompt", "...", "top_k"])
def test_where_there_is_no_number(text: str) -> None:
    assert values(text) == ()


def test_order_is_kept_and_a_sum_is_no_sign() -> None:
    assert values("1 - 15/60 = 0.75") == (1, 15, 60, 0.25, 0.75)
    assert values("2 x 8 x 1000 = 16 000") == (2, 8, 1000, 16000)


def test_a_point_before_three_digits_is_read_both_ways() -> None:
    assert values("16.000") == (16.0, 16000.0)
    assert values("0.125") == (0.125,)


@pytest.mark.parametrize("text", ["9" * 5000 + "^9", "9" * 50 + "e999 million", "1/0.000", "1," * 4000, "-" * 4000])
def test_hostile_numbers_are_finite(text: str) -> None:
    assert all(math.isfinite(value) for value in values(text))
