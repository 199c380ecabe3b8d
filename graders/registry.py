"""Finds the grader of a payload's kind, and imports it on first use."""

from __future__ import annotations

from typing import Protocol, cast

from challenges.registry import load, registered
from graders.base import Assignment, Grading
from graders.decoding import Ask

GRADERS = {
    "prompt": "graders.prompt",
    "tune": "graders.tune",
    "free_text": "graders.free_text.grading",
    "rag": "graders.rag",
    "evaluate": "graders.evaluate",
}


class Grader(Protocol):
    """The functions that a grader's module provides.

    The modules are listed in `GRADERS` and in the entry-point group `gradus.graders`. A module that also has
    `ask_of(assignment)`, which returns an `Ask`, lets a learner follow its public rows.
    """

    def grade(self, assignment: Assignment) -> Grading: ...


def names() -> tuple[str, ...]:
    """Returns the kinds that have a grader."""
    return tuple(registered("gradus.graders", GRADERS))


def grade(assignment: Assignment) -> Grading:
    """Returns the generator that grades `assignment`; see `graders.base` for its items and results."""
    return _grader(assignment).grade(assignment)


def ask_of(assignment: Assignment) -> Ask | None:
    """Returns how the assignment asks the model about each row, or None if its kind does not say so."""
    find = getattr(_grader(assignment), "ask_of", None)
    return cast(Ask, find(assignment)) if find is not None else None


def _grader(assignment: Assignment) -> Grader:
    return cast(Grader, load(registered("gradus.graders", GRADERS)[assignment.payload.kind]))
