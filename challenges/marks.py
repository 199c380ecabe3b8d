"""Computes points from marks with the rubric's table; neither a judge nor a reviewer enters a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from challenges.kinds.rubric import Criterion

VALUES = {"met": 1.0, "partial": 0.5, "not_met": 0.0, "cannot_tell": 0.0}
GIVEN = ("met", "partial", "not_met")


def allowed(criterion: Criterion) -> tuple[str, ...]:
    """The marks that a person may give; `partial` only if the criterion allows half of its points."""
    return tuple(mark for mark in GIVEN if mark != "partial" or criterion.partial == "half")


def points(rubric: Sequence[Criterion], marks: Mapping[str, str]) -> dict[str, float]:
    """The points of each criterion by id; a criterion without a mark earns nothing.

    A criterion of kind `must_not_claim` earns points only if another criterion does, because an empty answer makes no
    wrong claim either.
    """
    earned = {c.id: c.points * VALUES[marks.get(c.id, "not_met")] for c in rubric}
    others = [c for c in rubric if c.kind != "must_not_claim"]
    if not others or any(earned[c.id] for c in others):
        return earned
    return {c.id: 0.0 for c in rubric}


def score(rubric: Sequence[Criterion], marks: Mapping[str, str]) -> float:
    """The score of the marks: their share of all points, in [0, 1]."""
    return sum(points(rubric, marks).values()) / sum(c.points for c in rubric)
