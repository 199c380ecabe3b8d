"""Metrics of what was found, and of answers of which several are accepted."""

from __future__ import annotations

import pytest

from graders.metrics import measure

FOUND = (("a",), ("b", "a"), ("b", "c"), (), ("a",))
RIGHT = (("a",), ("a", "z"), ("a",), (), ())


def test_hit_rate_and_reciprocal_rank() -> None:
    assert measure("hit_rate", FOUND, RIGHT, None).rows == (1, 1, 0, 1, 0)
    assert measure("mrr", FOUND, RIGHT, None).rows == (1, 0.5, 0, 1, 0)
    assert measure("mrr", FOUND, RIGHT, None).value == pytest.approx(0.5)


def test_a_row_without_a_document_is_right_where_nothing_was_found() -> None:
    assert measure("hit_rate", [(), ("a",)], [(), ()], None).rows == (1, 0)


@pytest.mark.parametrize(
    ("name", "said", "target", "score"),
    [
        ("token_f1", "the 15 books", ("15", "15 books"), 1.0),
        ("token_f1", "about 15", ("15", "fifteen"), 2 / 3),
        ("token_f1", "about 15", "15", 2 / 3),
        ("token_f1", "", ("15",), 0.0),
        ("token_f1", None, ("15",), 0.0),
        ("exact_match", "15  books", ("15", "15 books"), 1.0),
        ("exact_match", "16", ("15", "15 books"), 0.0),
        ("accuracy", "15", ("15", "15 books"), 1.0),
    ],
)
def test_the_nearest_accepted_answer_counts(name: str, said: str | None, target: object, score: float) -> None:
    assert measure(name, [said], [target], None).rows == (pytest.approx(score),)  # type: ignore[list-item]
