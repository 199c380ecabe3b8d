"""What a mark earns is the same for graders, reviewers and lint: every combination of the tiny rubric."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest

from challenges import marks
from challenges.kinds.rubric import GATE_ANSWERS, Criterion
from challenges.lint.run import lint
from challenges.reading import read_challenge
from graders.base import Mark
from graders.free_text.grading import criterion_marks, graded_by
from tests.challenges.factory import RUBRIC, gold_row, write_free_text_challenge, write_rows

CRITERIA = tuple(Criterion.model_validate(one) for one in RUBRIC)
ROLES = ["prompt"] * 5 + ["calibration"] * 20 + ["test"] * 5


def _by_id(given: Iterable[str]) -> dict[str, str]:
    return {c.id: mark for c, mark in zip(CRITERIA, given, strict=True)}


@pytest.mark.parametrize("given", list(product(*(marks.allowed(c) for c in CRITERIA))), ids=str)
def test_graders_and_reviewers_add_alike(given: tuple[str, ...], tmp_path: Path) -> None:
    challenge = read_challenge(write_free_text_challenge(tmp_path)).challenge
    graded = criterion_marks(challenge, {id: Mark(mark) for id, mark in _by_id(given).items()}, {})
    points = marks.points(CRITERIA, _by_id(given))
    assert {mark.id: mark.points for mark in graded} == points
    assert graded_by(graded, (), {}, None, 1.0).score == marks.score(CRITERIA, _by_id(given))


def test_half_is_allowed_where_it_earns_and_earns_nothing_elsewhere() -> None:
    both = ("met", "not_met")
    assert [marks.allowed(c) for c in CRITERIA] == [("met", "partial", "not_met"), both, both]
    assert marks.points(CRITERIA, _by_id(("partial", "partial", "met"))) == {"cause": 25, "remedy": 0, "no-myth": 20}
    # A rubric of forbidden claims only.
    assert marks.points(CRITERIA[2:], {"no-myth": "met"}) == {"no-myth": 20.0}


def test_lint_names_the_thirds_in_which_answers_really_score(tmp_path: Path) -> None:
    """An answer that only makes no wrong claim scores nothing, however many points that criterion has."""
    rubric = [{**one, "points": points} for one, points in zip(RUBRIC, (30, 20, 50), strict=True)]
    write_free_text_challenge(tmp_path, rubric=rubric)
    roles = [*ROLES, *["calibration"] * GATE_ANSWERS]  # so many that the question is not in pilot mode
    silent, whole = ("not_met", "not_met", "met"), ("met", "met", "met")
    rows = [{**gold_row(n, role), "marks": _by_id(whole if n % 2 else silent)} for n, role in enumerate(roles)]
    write_rows(tmp_path / "gold.jsonl", rows)
    criteria = tuple(Criterion.model_validate(one) for one in rubric)
    assert {marks.score(criteria, row["marks"]) for row in rows} == {0.0, 1.0}
    missing = [problem.what for problem in lint(tmp_path) if "third" in problem.what.split()]
    assert missing == ["no calibration answer scores in the middle third"]
