"""Computes points from marks with the rubric's table; the judge itself never names a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from challenges.kinds.rubric import Criterion
from graders.base import Mark

VALUES = {Mark.MET: 1.0, Mark.PARTIAL: 0.5, Mark.NOT_MET: 0.0, Mark.CANNOT_TELL: 0.0}


def value(criterion: Criterion, mark: Mark) -> float:
    """The share of the criterion's points that a mark earns: 1, 0.5 or 0."""
    return 0.0 if mark is Mark.PARTIAL and criterion.partial == "none" else VALUES[mark]


def as_mark(share: float, criterion: Criterion) -> Mark:
    """The mark, among those that the criterion allows, that is nearest to a share of its points."""
    if criterion.partial == "half" and 0.25 <= share < 0.75:
        return Mark.PARTIAL
    return Mark.MET if share >= 0.5 else Mark.NOT_MET


def table(rubric: Sequence[Criterion], marks: Mapping[str, Mark]) -> dict[str, float]:
    """The points of each criterion by id.

    A criterion of kind `must_not_claim` earns points only if another criterion does, because an empty answer makes no
    wrong claim either.
    """
    points = {c.id: c.points * value(c, marks[c.id]) for c in rubric}
    silent = not any(points[c.id] for c in rubric if c.kind != "must_not_claim")
    return {c.id: 0.0 if silent and _says_something_else(rubric, c) else points[c.id] for c in rubric}


def score(rubric: Sequence[Criterion], marks: Mapping[str, Mark]) -> float:
    """The score of the marks: their share of all points, in [0, 1]."""
    return min(1.0, max(0.0, sum(table(rubric, marks).values()) / sum(c.points for c in rubric)))


def _says_something_else(rubric: Sequence[Criterion], criterion: Criterion) -> bool:
    return criterion.kind == "must_not_claim" and any(c.kind != "must_not_claim" for c in rubric)
