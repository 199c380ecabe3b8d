"""From a payload's kind to the grader, which is imported on first use."""

from __future__ import annotations

from typing import Protocol, cast

from challenges.registry import load, registered
from graders.base import Assignment, Grading

GRADERS = {
    "prompt": "graders.prompt",
    "tune": "graders.tune",
    "free_text": "graders.free_text.grading",
}


class Grader(Protocol):
    """What each module in `GRADERS`, or of the entry-point group `gradus.graders`, offers."""

    def grade(self, assignment: Assignment) -> Grading: ...


def names() -> tuple[str, ...]:
    """The kinds that have a grader."""
    return tuple(registered("gradus.graders", GRADERS))


def grade(assignment: Assignment) -> Grading:
    """The generator that grades `assignment`; see `graders.base` for its items and results."""
    grader = load(registered("gradus.graders", GRADERS)[assignment.payload.kind])
    return cast(Grader, grader).grade(assignment)
