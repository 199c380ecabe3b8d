"""The rule that finds what a template left to its author: texts with a mark, and rows of the template."""

from __future__ import annotations

import posixpath

from challenges.files.source import ROWS_MAX, Source
from challenges.lint.subject import Subject
from challenges.problems import Problem
from challenges.texts import several
from challenges.unwritten import CODE, is_unwritten, marks

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
    """Adds a problem for each line with marks in a text that was read, and one for each file with such rows."""
    for file in sorted(source.seen):
        data = source.data(file, ROWS_MAX, needed=False) or b""
        text = data.decode("utf-8", errors="replace")
        if not is_unwritten(text):
            continue
        if file.endswith(".jsonl"):
            lines = list(dict.fromkeys(line for line, _ in marks(text)))
            what = f"{several(len(lines), 'row')} of the template still {'stand' if len(lines) > 1 else 'stands'} here"
            source.problems.append(Problem(file, lines[0], what, ROW_FIXES.get(posixpath.basename(file), ROWS), CODE))
            continue
        by_line: dict[int, list[str]] = {}
        for line, wanted in marks(text):
            by_line.setdefault(line, []).append(wanted or "your own text")
        for line, listed in by_line.items():
            what = "a text of the template still stands here"
            source.problems.append(Problem(file, line, what, f"write {', and '.join(dict.fromkeys(listed))}", CODE))


def has_template_rows(subject: Subject) -> bool:
    """Whether rows of the template are among the samples, so that it says nothing how similar those are."""
    bundle = subject.bundle
    return any(is_unwritten(row.input) for rows in (bundle.public, bundle.hidden, bundle.train) for row in rows)
