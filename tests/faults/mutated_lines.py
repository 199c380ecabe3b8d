"""Mutants that change one line of a module while it is imported, for tests that run in one process.

`LINES` is the list; a pytest run with `-p tests.faults.mutated_lines` and GRADUS_TEST_MUTANT takes one of it.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType


@dataclass(frozen=True)
class Line:
    """In `module`, the text `before`, which stands there once, becomes `after`; `test` (a file or a test) must fail."""

    module: str
    before: str
    after: str
    test: str

    def mutated(self, source: str) -> str:
        if source.count(self.before) != 1:
            raise SystemExit(f"{self.module} has {source.count(self.before)} times: {self.before}")
        return source.replace(self.before, self.after)


LINES = {
    "dates_without_a_reason": Line(
        "gradus.classes.dates",
        "required=is_special and not values",
        "required=False and not values",
        "tests/classes/test_dates.py",
    ),
}


class MutatingLoader(importlib.machinery.SourceFileLoader):
    """Loads a module with its mutant's line, and neither reads nor writes compiled files."""

    def __init__(self, line: Line, path: str) -> None:
        super().__init__(line.module, path)
        self.line = line

    def get_code(self, fullname: str) -> CodeType:
        source = self.line.mutated(Path(self.path).read_text(encoding="utf-8"))
        return compile(source, self.path, "exec")


class MutatingFinder:
    """Finds the one module that is to be mutated, wherever the other finders find it."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.line.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin:
            spec.loader = MutatingLoader(self.line, spec.origin)
        return spec


if line := LINES.get(os.environ.get("GRADUS_TEST_MUTANT", "")):
    sys.meta_path.insert(0, MutatingFinder(line))
