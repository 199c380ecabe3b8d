"""From a payload's kind to the grader, which is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from graders.base import Assignment, Grading

GRADERS = {
    "prompt": "graders.prompt",
    "lora": "graders.lora",
    "free_text": "graders.free_text.grading",
}


class Grader(Protocol):
    """What each module in `GRADERS` offers."""

    def grade(self, assignment: Assignment) -> Grading: ...


def grade(assignment: Assignment) -> Grading:
    """The generator that grades `assignment`; see `graders.base` for its items and results."""
    return cast(Grader, import_module(GRADERS[assignment.payload.kind])).grade(assignment)
