"""Collects all cases of hostile input."""

from __future__ import annotations

from collections import defaultdict

from tests.hostile import bodies, harmless, prompts, rows
from tests.hostile.case import Case

CASES: tuple[Case, ...] = tuple(case for part in (prompts, rows, bodies, harmless) for case in part.cases())


def by_category() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for case in CASES:
        found[case.category].append(case)
    return dict(found)
