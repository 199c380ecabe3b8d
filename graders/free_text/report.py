"""Makes a grade from marks: the points, and a provisional score if a person has to review the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from challenges.marks import points
from challenges.spec import Challenge
from graders.base import CriterionMark, Grade, JudgeId, Mark


def criterion_marks(
    challenge: Challenge, marks: Mapping[str, Mark], evidence: Mapping[str, tuple[str, ...]]
) -> tuple[CriterionMark, ...]:
    """Returns the marks shown to the learner, in the rubric's order; `improve` is filled only if points are missing."""
    earned = points(free_text(challenge).rubric, marks)
    return tuple(
        CriterionMark(
            id=c.id,
            label=c.label,
            mark=marks[c.id],
            points=earned[c.id],
            points_max=c.points,
            evidence=evidence.get(c.id, ()),
            improve=c.improve if earned[c.id] < c.points else "",
        )
        for c in free_text(challenge).rubric
    )


def graded_by(
    marks: tuple[CriterionMark, ...],
    rules: Sequence[str],
    private: Mapping[str, Any],
    judge: JudgeId | None,
    certainty: float,
) -> Grade:
    """Returns the grade for these marks; `rules` are those that ask for a person, and empty for a final grade."""
    review = tuple(dict.fromkeys(rules))
    return Grade(
        score=min(1.0, sum(mark.points for mark in marks) / sum(mark.points_max for mark in marks)),
        marks=marks,
        review=review,
        provisional=bool(review),
        judge=judge,
        certainty=certainty,
        private={**private, "rule": review[0] if review else "accepted"},
    )


def zero(bundle: ChallengeBundle, rule: str, flags: tuple[str, ...]) -> Grade:
    """Returns a final score of 0 that needs no call of the judge."""
    nothing = {c.id: Mark.NOT_MET for c in free_text(bundle.challenge).rubric}
    marks = criterion_marks(bundle.challenge, nothing, {})
    return Grade(score=0.0, marks=marks, private={"rule": rule, "flags": flags})
