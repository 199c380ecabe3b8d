"""The score by the learner's own choices: does the trained model prefer, of two answers, the one that was chosen?

It prefers the answer to which it gives the higher log-probability per byte. Without the division the shorter answer
would nearly always win. A run that changes nothing shares the taste of the base model, which a margin over the base
model (as DPO has it) would not show: the smallest step in the right direction makes such a margin positive.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from challenges.own_choices import OwnChoices
from graders.base import Grade, Score, Scored, WorkItem

STAGE = "choices"


def scored(
    grade: Grade, section: OwnChoices, model: str, adapter: str, held: Sequence[tuple[str, ...]]
) -> Generator[WorkItem, Any, Grade]:
    """The grade with its score: the share of the held-out choices that the model shares.

    `held` are `(prompt, chosen, rejected)`. Where fewer hidden rows are answered well than `section.content`, the score
    shrinks in proportion, so that a model which no longer writes anything of use scores 0.
    """
    shared = []
    for prompt, *sides in held:
        found: Scored = yield Score(model, "", (prompt,), tuple(sides), adapter, STAGE, exact=True)
        chosen, rejected = (log / _bytes(side) for log, side in zip(found.logprobs[0], sides, strict=True))
        shared.append(chosen > rejected)
    share = sum(shared) / len(shared)
    return replace(
        grade,
        score=_shrunk(share, section, grade.score),
        private_score=_shrunk(share, section, grade.private_score),
        private={**grade.private, "own_choices": {"share": share, "of": len(shared), "content": grade.score}},
    )


def _bytes(text: str) -> int:
    return len(text.encode())


def _shrunk(share: float, section: OwnChoices, content: float | None) -> float | None:
    return None if content is None else share * min(1.0, content / section.content)
