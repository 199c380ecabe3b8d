"""One challenge under lint, with the places of its keys and rows."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from functools import cached_property

from challenges.bundle import ChallengeBundle
from challenges.files.rows import row_lines
from challenges.files.source import ROWS_MAX, Source
from challenges.files.yaml_lines import Located
from challenges.problems import Problem
from challenges.rows import AnyRow, Sample
from challenges.spec import Challenge

ROW_FILES = ("public.jsonl", "hidden.jsonl", "train.jsonl", "gold.jsonl", "attacks.jsonl", "benign.jsonl")
Rows = tuple[Sample | AnyRow, ...]


@dataclass
class Subject:
    """`rel` is the challenge's folder below `source.root`. Make it before lint adds problems with rows."""

    source: Source
    rel: str
    bundle: ChallengeBundle
    _lines: dict[str, list[int]] = field(init=False)
    unread: frozenset[str] = field(init=False)
    """The row files of which something cannot be read, so that counts of their rows say nothing."""

    def __post_init__(self) -> None:
        wrong = {problem.file for problem in self.source.problems}
        self.unread = frozenset(name for name in ROW_FILES if self.at(name) in wrong)
        self._lines = {name: self._good_lines(name) for name in ROW_FILES}

    @property
    def challenge(self) -> Challenge:
        return self.bundle.challenge

    def at(self, name: str) -> str:
        """A file's path as problems name it."""
        return posixpath.join(self.rel, name)

    @cached_property
    def located(self) -> Located | None:
        return self.source.yaml(self.at("challenge.yaml"))

    def _good_lines(self, name: str) -> list[int]:
        bad = {problem.line for problem in self.source.problems if problem.file == self.at(name)}
        data = self.source.data(self.at(name), ROWS_MAX, needed=False) or b""
        return [line for line, _ in row_lines(data) if line not in bad]

    @property
    def files(self) -> tuple[tuple[str, Rows], ...]:
        """Rows by file; where two files hold the same row, the later one is to blame."""
        bundle = self.bundle
        return (("public.jsonl", bundle.public), ("train.jsonl", bundle.train), ("hidden.jsonl", bundle.hidden))

    def line(self, name: str, index: int) -> int:
        """The line of row `index` (from 0) of a JSON Lines file."""
        return self._lines[name][index]

    def spec(self, what: str, mend: str, *path: str | int) -> None:
        """A problem with a key of `challenge.yaml`."""
        line = self.located.line(*path) if self.located else None
        self.source.add(self.at("challenge.yaml"), line, what, mend)

    def advise(self, what: str, mend: str, *path: str | int) -> None:
        """Advice about a key of `challenge.yaml`, which nobody must follow."""
        line = self.located.line(*path) if self.located else None
        self.source.advice.append(Problem(self.at("challenge.yaml"), line, what, mend))

    def row(self, name: str, index: int, what: str, mend: str) -> None:
        """A problem with a row; its text is not repeated, as hidden rows must not get into logs."""
        self.source.add(self.at(name), self.line(name, index), what, mend)
