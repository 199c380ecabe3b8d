"""Writes `docs/measured.md`, the tables of the built-in course's baselines, from the lessons' `measured.json`.

`python -m benchmarks.baselines`. A test holds the page equal to what this writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.reading import read_course
from challenges.shown_score import shown_score

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
NAIVE, GUIDED = ("naive",), ("good", "gold")
TRIES = """\
## With the statement alone, and after the lesson

A challenge should need its lesson. The table compares two baselines of each challenge:

- **Naive**: what somebody does who has read the statement and seen the form, and nothing else. The authors of the
  course wrote these tries. They knew the lessons and used only what stands in the statement and in the form; no person
  who had not read the lesson was asked. It is a first try, without any run to learn from.
- **Guided**: what the lesson and the challenge's hints lead to. It is the baseline `good`, or `gold` where there is no
  `good`. The authors wrote these, too.

There is one naive and one guided try for each challenge. More seeds repeat the same try and are not further tries. A
try passes if its score, rounded down as learners see it, reaches the pass mark. Learners' runs have the first seed.
Answers in free text were marked by the built-in verifier, which estimates what a person would give.
"""


def page(course: CourseBundle) -> str:
    """Markdown: naive tries beside guided ones, then for each challenge its baselines in a table, and the paired tests
    between neighbouring baselines.
    """
    return "\n".join([INTRODUCTION, *_tries(course), *(part for lesson in course.lessons for part in _lesson(lesson))])


@dataclass(frozen=True)
class Try:
    """A baseline's hidden scores by training seed, one where nothing is trained, and whether each passes."""

    name: str
    scores: tuple[float, ...]
    passed: tuple[bool, ...]

    @classmethod
    def of(cls, bundle: ChallengeBundle, found: dict[str, Any], names: tuple[str, ...]) -> Try:
        """The first of the named baselines that the challenge has. Raises KeyError if it has none of them."""
        results = {_stem(result["file"]): result for result in found["results"]}
        name = next((name for name in names if name in results), None)
        if name is None:
            raise KeyError(f"{bundle.challenge.id} has no baseline {' or '.join(names)}")
        scores, challenge = _scores(results[name]), bundle.challenge
        passed = tuple(shown_score(challenge.feedback, score) >= challenge.pass_ for score in scores)
        return cls(name, scores, passed)

    @property
    def verdict(self) -> str:
        if len(set(self.passed)) > 1:
            return f"{sum(self.passed)} of {len(self.passed)} seeds"
        return "yes" if all(self.passed) else "no"


def _tries(course: CourseBundle) -> list[str]:
    """The table of naive and guided tries, with a sentence that counts those which pass."""
    lines = ["| challenge | in its lesson | pass | naive | passes | guided | passes |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    naive, guided = [], []
    for lesson in course.lessons:
        measured = lesson.measured.get("baselines", {})
        for place, bundle in enumerate(lesson.challenges, 1):
            name = bundle.challenge.id
            first, after = (Try.of(bundle, measured[name], names) for names in (NAIVE, GUIDED))
            naive.append(first)
            guided.append(after)
            lines.append(
                f"| {name} | {place} | {bundle.challenge.pass_:.2f} | {_listed(first.scores)} | {first.verdict} "
                f"| {after.name}: {_listed(after.scores)} | {after.verdict} |"
            )
    return [TRIES, *lines, "", _counted(naive, guided)] if naive else []


def _counted(naive: list[Try], guided: list[Try]) -> str:
    runs = [passed for one in guided for passed in one.passed]
    return (
        f"Naive tries pass {sum(one.passed[0] for one in naive)} of {len(naive)} challenges. Guided ones pass "
        f"{sum(one.passed[0] for one in guided)} of {len(guided)} with the first seed, and {sum(runs)} of {len(runs)} "
        "runs pass if each seed counts. The first challenge of a lesson is meant to be passed by a guest within "
        "minutes, with as many runs on public rows as it takes. How many guests do was not measured.\n"
    )


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
    scores = _listed(_scores(result))
    return f"| {_stem(result['file'])} | {result['kind']} | {scores} | {shown} | {result['seconds']} |"


def _scores(result: dict[str, Any]) -> tuple[float, ...]:
    """The scores in the order of the seeds; the one score where nothing was trained with several seeds."""
    return tuple((result.get("by_seed") or {"": result["score"]}).values())


def _listed(scores: tuple[float, ...]) -> str:
    return ", ".join(f"{score:.3f}" for score in scores)


def _stem(file: str) -> str:
    return Path(file).stem


def main() -> None:
    PAGE.write_text(page(read_course(LIBRARY)))


if __name__ == "__main__":
    main()
