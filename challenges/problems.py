"""One type for everything that is wrong with a file, shared by every reader, lint and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

BAD_ROW = "bad_row"
"""The code of rows that do not have the keys and types that they should have."""


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
    """The problems in their order, where a mistake of many rows of a file stands once, at the first of them."""
    problems = list(problems)
    rows = Counter(_mistake(problem) for problem in problems)
    first = {_mistake(problem): problem for problem in reversed(problems)}
    distinct = dict.fromkeys(first[_mistake(problem)] for problem in problems)
    return [_counted(problem, rows[_mistake(problem)]) for problem in distinct]


def _mistake(problem: Problem) -> Problem:
    """What equal mistakes of rows have in common: everything but the line. Other problems are equal to no others."""
    return replace(problem, line=None) if problem.code == BAD_ROW else problem


def _counted(problem: Problem, rows: int) -> Problem:
    if rows == 1 or problem.code != BAD_ROW:
        return problem
    return replace(problem, what=f"{problem.what} (in {rows} rows, of which this is the first)")
