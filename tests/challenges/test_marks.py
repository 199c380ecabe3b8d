"""What a mark earns is the same for a reviewer and for the grader: every combination of the tiny rubric."""

from __future__ import annotations

from itertools import product

import pytest

from challenges import marks
from challenges.kinds.rubric import Criterion
from graders.base import Mark
from graders.free_text import points as graders_points
from tests.challenges.factory import RUBRIC

CRITERIA = tuple(Criterion.model_validate(one) for one in RUBRIC)


@pytest.mark.parametrize("given", list(product(*(marks.allowed(c) for c in CRITERIA))), ids=str)
def test_reviewers_and_graders_add_alike(given: tuple[str, ...]) -> None:
    by_id = {c.id: mark for c, mark in zip(CRITERIA, given, strict=True)}
    theirs = {id: Mark(mark) for id, mark in by_id.items()}
    assert marks.points(CRITERIA, by_id) == graders_points.table(CRITERIA, theirs)
    assert marks.score(CRITERIA, by_id) == pytest.approx(graders_points.score(CRITERIA, theirs))


def test_half_is_allowed_where_it_earns() -> None:
    assert [marks.allowed(c) for c in CRITERIA] == [
        ("met", "partial", "not_met"),
        ("met", "not_met"),
        ("met", "not_met"),
    ]


def test_a_rubric_of_forbidden_claims_only() -> None:
    only = CRITERIA[2:]
    assert marks.points(only, {"no-myth": "met"}) == {"no-myth": 20.0}
