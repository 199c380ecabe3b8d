"""The rule that finds what a template left to its author: texts with a mark, and rows of the template."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from challenges.authoring.unwritten import CODE, is_unwritten, marks
from challenges.files.source import ROWS_MAX, YAML_MAX, Source
from challenges.lint.subject import Subject
from challenges.problems import Problem
from challenges.scaffold.base import UNMEASURED
from challenges.scaffold.base import marks as template_of_marks
from challenges.texts import several

# The lines of a new challenge.yaml that hold a number to measure.
NUMBERS = tuple(
    line for line in template_of_marks("").splitlines() if line.startswith(("pass:", "gold:", "  - {file:"))
)
ROWS = "replace them by rows of your own; `gradus challenge rows FILE` makes them from a table"
ROW_FIXES = {
    "public.jsonl": f"{ROWS}. Learners see these, so 20 to 50 are enough",
    "hidden.jsonl": f"{ROWS}. They decide the score: with 100 of them, chance moves it by up to about 0.1",
    "train.jsonl": f"{ROWS}. Learners train on these or take examples from them",
    "gold.jsonl": "replace them by answers that you have marked: 5 with the role prompt, and 40 with the role "
    "calibration if a judge is to grade",
    "benign.jsonl": "replace them by honest answers that look like an attack, or remove the file",
}


def lint_unwritten(source: Source) -> None:
    """Adds a problem for each line with marks in a text that was read, and one for each file with such rows.

    Other problems of the same lines only follow from what is not written yet, so they are left out.
    """
    for file in sorted(source.seen):
        data = source.data(file, ROWS_MAX, needed=False) or b""
        text = data.decode("utf-8", errors="replace")
        if not is_unwritten(text):
            continue
        by_line: dict[int | None, list[str]] = {}
        for line, wanted in marks(text):
            by_line.setdefault(line, []).append(wanted or "your own text")
        are_rows = file.endswith(".jsonl")
        follow = by_line.keys() | ({None} if are_rows else set())
        source.problems = [one for one in source.problems if not (one.file == file and one.line in follow)]
        source.problems += [_rows(file, list(by_line))] if are_rows else _texts(file, by_line)


def _rows(file: str, lines: list[int | None]) -> Problem:
    what = f"{several(len(lines), 'row')} of the template still {'stand' if len(lines) > 1 else 'stands'} here"
    return Problem(file, lines[0], what, ROW_FIXES.get(posixpath.basename(file), ROWS), CODE)


def _texts(file: str, by_line: Mapping[int | None, Sequence[str]]) -> Iterator[Problem]:
    for line, wanted in by_line.items():
        fix = f"write {', and '.join(dict.fromkeys(wanted))}"
        yield Problem(file, line, "a text of the template still stands here", fix, CODE)


def lint_unmeasured(subject: Subject) -> None:
    """Advice where the marks and the bounds are still the template's, and so is its comment that says to measure."""
    file = subject.at("challenge.yaml")
    text = (subject.source.data(file, YAML_MAX, needed=False) or b"").decode("utf-8", errors="replace")
    lines = text.splitlines()
    if UNMEASURED in text and not is_unwritten(text) and all(line in lines for line in NUMBERS):
        what = "pass, gold and the bounds of all baselines are still the numbers of the template"
        fix = "score your baselines, as the comments there say, and write your own numbers; then remove the comments"
        subject.source.advice.append(Problem(file, lines.index(NUMBERS[0]) + 1, what, fix))


def has_template_rows(subject: Subject) -> bool:
    """Whether rows of the template are among the samples, so that it says nothing how similar those are."""
    bundle = subject.bundle
    return any(is_unwritten(row.input) for rows in (bundle.public, bundle.hidden, bundle.train) for row in rows)
