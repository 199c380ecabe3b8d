"""Writes `docs/measured.md`, the tables of the built-in course's baselines, from the lessons' `measured.json`.

`python -m benchmarks.baselines`. A test holds the page equal to what this writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.reading import read_course

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "measured.md"
LIBRARY = ROOT / "challenges" / "library"
INTRODUCTION = """\
# What was measured for the lessons

The lessons of the built-in course state only what was measured. These are the baselines of their challenges: example
submissions that `gradus challenge test --record` graded on the hidden rows. `python -m benchmarks.baselines` writes
this page.

A baseline that trains and must pass ran with three training seeds, and its three scores are given in the order of the
seeds. The seconds cover training and grading of the first seed. The machine did other work during most of these runs,
so the seconds are upper bounds.
"""


def page(course: CourseBundle) -> str:
    """Markdown: for each challenge its baselines in a table, then the paired tests between neighbouring baselines."""
    return "\n".join([INTRODUCTION, *(part for lesson in course.lessons for part in _lesson(lesson))])


def _lesson(lesson: LessonBundle) -> list[str]:
    measured = lesson.measured.get("baselines", {})
    names = [bundle.challenge.id for bundle in lesson.challenges if bundle.challenge.id in measured]
    return [f"## {lesson.lesson.title}\n", *(_challenge(name, measured[name]) for name in names)] if names else []


def _challenge(name: str, found: dict[str, Any]) -> str:
    lines = [f"### {name}", "", f"Measured on {found['machine']}.", ""]
    lines += ["| baseline | kind | score | tokens per request | seconds |", "| --- | --- | --- | --- | --- |"]
    lines += [_row(result) for result in found["results"]]
    steps = [f"{_stem(s['from'])} to {_stem(s['to'])} {s['difference']:+.3f} (p = {s['p']:g})" for s in found["steps"]]
    tests = f"Differences of the mean row score, with paired tests on the hidden rows: {'; '.join(steps)}."
    return "\n".join([*lines, *(["", tests] if steps else []), ""])


def _row(result: dict[str, Any]) -> str:
    tokens = result["cost"].get("prompt_tokens")
    shown = f"{tokens:.0f}" if tokens else ""
    by_seed = (result.get("by_seed") or {"": result["score"]}).values()
    scores = ", ".join("none" if score is None else f"{score:.3f}" for score in by_seed)
    return f"| {_stem(result['file'])} | {result['kind']} | {scores} | {shown} | {result['seconds']} |"


def _stem(file: str) -> str:
    return Path(file).stem


def main() -> None:
    PAGE.write_text(page(read_course(LIBRARY)))


if __name__ == "__main__":
    main()
