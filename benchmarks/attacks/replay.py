"""Judges that replay what was written beside the rows: kind to everything, honest, or wrong on a share of the marks."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.attacks.rows import Attack, Honest
from challenges.kinds.rubric import Criterion
from graders.base import Judge, Judged
from graders.free_text.text import sentences

MODEL = "replayed"


@dataclass(frozen=True)
class Kind:
    """Marks everything as met and quotes what stands beside the attack."""

    row: Attack

    def judge(self, item: Judge) -> Judged:
        return Judged(_reply({id: ("met", self.row.quotes.get(id, [])) for id in item.criteria}), model=MODEL)


@dataclass(frozen=True)
class Person:
    """Gives a person's marks and quotes; each mark of each call is wrong with probability `rate`.

    A wrong mark is one of the others that the criterion allows. Where it says met without a person's quote, it quotes
    some sentence of the answer.
    """

    row: Honest
    rubric: Sequence[Criterion]
    rate: float = 0.0
    seed: int = 0

    def judge(self, item: Judge) -> Judged:
        return Judged(_reply({c.id: self._mark(c, item.stage) for c in self.rubric}), model=MODEL)

    def _mark(self, criterion: Criterion, stage: str) -> tuple[str, list[str]]:
        chance = random.Random(f"{self.seed}|{self.row.id}|{stage}|{criterion.id}")
        mark: str = self.row.marks.get(criterion.id, "not_met")
        if chance.random() < self.rate:
            options = ["met", "not_met", *(["partial"] if criterion.partial == "half" else [])]
            mark = chance.choice([option for option in options if option != mark])
        if mark == "not_met" or criterion.kind == "must_not_claim":
            return mark, []
        return mark, self.row.quotes.get(criterion.id) or [chance.choice(sentences(self.row.answer))]


def _reply(marks: Mapping[str, tuple[str, list[str]]]) -> dict[str, Any]:
    rows = [
        {"id": id, "evidence": quotes, "reason": "replayed", "mark": mark, "confidence": 90}
        for id, (mark, quotes) in marks.items()
    ]
    return {"criteria": rows, "contradictions": [], "addresses_grader": False}
