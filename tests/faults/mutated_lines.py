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
            raise SystemExit(f"This stands {source.count(self.before)} times in {self.module}: {self.before}")
        return source.replace(self.before, self.after)


LINES = {
    "dates_without_a_reason": Line(
        "gradus.classes.dates",
        "required=is_special and not values",
        "required=False and not values",
        "tests/classes/test_dates.py",
    ),
    "roster_takes_labels_without_sync": Line(
        "gradus.classes.roster.comparison",
        "if sync and roster.has_labels:",
        "if roster.has_labels:",
        "tests/classes/roster/test_applying.py",
    ),
    "roster_takes_labels_that_a_platform_does_not_know": Line(
        "gradus.classes.roster.comparison",
        "theirs = has.keys() if roster.labels_are_whole else",
        "theirs = has.keys() if roster.has_labels else",
        "tests/classes/roster/test_applying.py",
    ),
    "roster_keeps_labels_that_a_row_lacks": Line(
        "gradus.classes.roster.comparison",
        "if key in own or key not in theirs",
        "if key in has or key not in theirs",
        "tests/classes/roster/test_applying.py",
    ),
    "extension_that_is_not_kept": Line(
        "gradus.classes.dates",
        "replace(values_of(rule), extended_to=until)",
        "replace(values_of(rule), extended_to=None)",
        "tests/classes/test_dates.py",
    ),
    "extension_moves_no_due_date": Line(
        "gradus.classes.policy",
        "        if now < until:\n",
        "        if now > until:\n",
        "tests/classes/test_dates.py",
    ),
    "points_that_a_person_set_are_never_withheld": Line(
        "gradus.gradebook.services",
        "Kind.VALUE, number, said, seen, withheld=releases.rule_of(held, challenge).withholds_grade())",
        "Kind.VALUE, number, said, seen, withheld=False)",
        "tests/gradebook/test_services.py",
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
