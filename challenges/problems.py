"""One type for everything that is wrong with a file, shared by every reader, lint and the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

ANY_CODE = "bundle_problem"
"""What programs read as the code of a problem that has none of its own."""
BAD_ROW = "bad_row"
"""The code of rows that do not have the keys and types that they should have."""
ROWS = ".jsonl"
"""The ending of files with rows."""
# A mistake of so many rows of a file stands once, with so many of their lines. Those that a reader finds have a code,
# and are rarely in one row alone.
MERGED_FROM, LINES_MAX = 4, 8


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file, and how to fix it. As text: `file:line: what: fix`.

    `file` is relative to the folder that was read, and empty where only one text was read (a row, a drawing).
    `line` counts from 1. `code` is stable, so that a script may rely on it; only rows of JSON Lines have one.
    """

    file: str
    line: int | None
    what: str
    fix: str
    code: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.fix}"

    @property
    def place(self) -> str:
        """Where the problem is: `file:line`, or whichever of the two is known."""
        return ":".join(str(part) for part in (self.file, self.line) if part not in ("", None))


def said_once(problems: Iterable[Problem]) -> list[Problem]:
    """The problems as they are shown: in their order, on one line each, and a mistake of many rows of a file once, at
    the first of them.
    """
    lines: dict[Problem, list[int | None]] = {}
    for problem in map(_on_one_line, problems):
        lines.setdefault(_mistake(problem), []).append(problem.line)
    return [said for mistake, places in lines.items() for said in _said(mistake, list(dict.fromkeys(places)))]


def _on_one_line(problem: Problem) -> Problem:
    return replace(problem, file=shown(problem.file), what=shown(problem.what), fix=shown(problem.fix))


def shown(text: str) -> str:
    """The text with an escape for each character that cannot be printed, such as a line break in a file's name."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _mistake(problem: Problem) -> Problem:
    """What equal mistakes of rows have in common: everything but the line. Other problems are equal to no others."""
    return replace(problem, line=None) if problem.file.endswith(ROWS) or problem.code else problem


def _said(mistake: Problem, lines: list[int | None]) -> list[Problem]:
    known = [line for line in lines if line is not None]
    if len(lines) < (2 if mistake.code else MERGED_FROM) or len(known) < len(lines):
        return [replace(mistake, line=line or mistake.line) for line in lines]
    listed = ", ".join(map(str, known[:LINES_MAX]))
    more = f" and {len(known) - LINES_MAX:,} more" if len(known) > LINES_MAX else ""
    noun = "rows" if mistake.file.endswith(ROWS) else "places"
    return [replace(mistake, line=known[0], what=f"{mistake.what} (in {len(known):,} {noun}: lines {listed}{more})")]
