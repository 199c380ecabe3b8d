"""What a mark is worth: from the marks of an answer to its points and its score.

Graders, lint, calibration and the pages of reviewers all compute with this table; neither a judge nor a reviewer enters
a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from challenges.kinds.rubric import Criterion

SHARES = {"met": 1.0, "partial": 0.5, "not_met": 0.0, "cannot_tell": 0.0}
"""The share of a criterion's points that each mark earns where the criterion allows the mark."""
GIVEN = ("met", "partial", "not_met")


def allowed(criterion: Criterion) -> tuple[str, ...]:
    """The marks that a person may give; `partial` only if the criterion allows half of its points."""
    return tuple(mark for mark in GIVEN if mark != "partial" or criterion.partial == "half")


def nearest(share: float, criterion: Criterion) -> str:
    """The mark, among those that the criterion allows, that is nearest to a share of its points."""
    if criterion.partial == "half" and 0.25 <= share < 0.75:
        return "partial"
    return "met" if share >= 0.5 else "not_met"


def points(rubric: Sequence[Criterion], marks: Mapping[str, str]) -> dict[str, float]:
    """The points of each criterion by id; a criterion without a mark earns nothing.

    A criterion of kind `must_not_claim` earns points only if another criterion does, because an empty answer makes no
    wrong claim either.
    """
    earned = {c.id: _earned(c, marks.get(c.id, "not_met")) for c in rubric}
    others = [c for c in rubric if c.kind != "must_not_claim"]
    if not others or any(earned[c.id] for c in others):
        return earned
    return {c.id: 0.0 for c in rubric}


def score(rubric: Sequence[Criterion], marks: Mapping[str, str]) -> float:
    """The score of the marks: their share of all points, in [0, 1]."""
    return sum(points(rubric, marks).values()) / sum(c.points for c in rubric)


def _earned(criterion: Criterion, mark: str) -> float:
    is_refused = mark == "partial" and criterion.partial == "none"
    return 0.0 if is_refused else criterion.points * SHARES[mark]
