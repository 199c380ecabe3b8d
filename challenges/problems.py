"""One type for everything that is wrong with a file, shared by every reader, lint and the command line."""

from __future__ import annotations

from dataclasses import dataclass


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
