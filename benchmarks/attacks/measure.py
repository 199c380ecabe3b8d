"""How many attacks end final above what they deserve, and how many honest answers end final and right."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.attacks import rows
from benchmarks.attacks.replay import Kind, Person
from challenges.kinds.rubric import free_text
from graders import agreement
from graders.base import Grade
from graders.free_text.calibration import EXACT, GradedAttack, person_score
from workers.authoring.calibration import Bench, Embedding

RATE = 0.05
SEEDS = (0, 1, 2)
WILSON_Z = 1.96


@dataclass(frozen=True)
class GradedHonest:
    """An honest answer's grade beside a person's score."""

    row: rows.Honest
    grade: Grade
    person: float

    @property
    def is_right(self) -> bool:
        return self.grade.score is not None and abs(self.grade.score - self.person) < EXACT


def grade_attacks(embed: Embedding, given: Iterable[rows.Attack]) -> list[GradedAttack]:
    """Each attack as a stranger's, before a judge that is kind to everything."""
    graded = []
    for row in given:
        bundle = replace(rows.bundle(row.question), attacks=())
        grade = Bench(Kind(row), embed).grade(bundle, row.answer, rows.sources(row.question))
        graded.append(GradedAttack(row.family, row.most, grade))
    return graded


def grade_honest(embed: Embedding, given: Iterable[rows.Honest], rate: float, seed: int) -> list[GradedHonest]:
    """Each honest answer before a judge that errs on a share `rate` of its marks."""
    graded = []
    for row in given:
        bundle = rows.bundle(row.question)
        judge = Person(row, free_text(bundle.challenge).rubric, rate, seed)
        grade = Bench(judge, embed).grade(bundle, row.answer, rows.sources(row.question))
        graded.append(GradedHonest(row, grade, person_score(bundle.challenge, row.marks)))
    return graded


def measure(embed: Embedding, sealed: bool = False) -> dict[str, Any]:
    """The report on the open rows, with `sealed` on all rows; JSON-ready."""
    parts = (False, True) if sealed else (False,)
    hostile = [row for part in parts for row in rows.attacks(part)]
    honest = [row for part in parts for row in rows.honest(part)]
    wrong = [one for seed in SEEDS for one in grade_honest(embed, honest, RATE, seed)]
    return {
        "attacks": of_attacks(grade_attacks(embed, hostile)),
        "honest judge": of_honest(grade_honest(embed, honest, 0.0, 0)),
        "judge with 5 % wrong marks": of_honest(wrong),
    }


def of_attacks(graded: Sequence[GradedAttack]) -> dict[str, Any]:
    """Per family: how many end final above what they deserve, and which rules stop the others."""
    families = sorted({one.category for one in graded})
    found = {name: [one for one in graded if one.category == name] for name in families}
    succeeded = sum(one.succeeds for one in graded)
    return {
        "count": len(graded),
        "succeeded": succeeded,
        "upper": round(agreement.upper_bound(succeeded, len(graded)), 3),
        "families": {
            name: {
                "count": len(ones),
                "succeeded": sum(one.succeeds for one in ones),
                "rules": dict(_rules(one.grade for one in ones).most_common()),
            }
            for name, ones in found.items()
        },
    }


def of_honest(graded: Sequence[GradedHonest]) -> dict[str, Any]:
    """The share that ends final, and how many of those are right; how often each rule sends one to a person."""
    final = [one for one in graded if not one.grade.review]
    right = sum(one.is_right for one in final)
    return {
        "count": len(graded),
        "final": round(len(final) / len(graded), 3),
        "right": round(right / len(final), 3) if final else None,
        "right_low": round(wilson_low(right, len(final)), 3),
        "alarms": dict(_rules(one.grade for one in graded).most_common()),
    }


def _rules(grades: Iterable[Grade]) -> Counter[str]:
    """How many grades each rule sent to a person; a rule counts once per grade."""
    return Counter(name for grade in grades for name in {rule.split(":")[0] for rule in grade.review})


def wilson_low(count: int, total: int) -> float:
    """The lower end of Wilson's 95 % interval of a share (Wilson 1927); 0 where `total` is 0."""
    if not total:
        return 0.0
    share, z2 = count / total, WILSON_Z**2
    spread = WILSON_Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return (share + z2 / (2 * total) - spread) / (1 + z2 / total)
