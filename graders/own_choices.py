"""Scores a trained model by the learner's own choices: how often it has come to prefer the chosen answer.

It has if training has at least doubled the odds of writing the chosen answer rather than the other. The odds are
compared with those of the base model, as in the margin of DPO (Rafailov et al. 2023, arXiv 2305.18290), so that every
taste takes the same work: the plain probability of an answer falls with its length, and a learner who likes what the
base model writes anyway would pass without training. The odds must double, because the smallest step in the right
direction already makes a margin positive.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from challenges.kinds.own_choices import OwnChoices
from graders.base import Grade, Score, Scored, WorkItem

STAGE = "choices"
DOUBLED = math.log(2)


def scored(
    grade: Grade, section: OwnChoices, model: str, adapter: str, held: Sequence[tuple[str, ...]]
) -> Generator[WorkItem, Any, Grade]:
    """Returns the grade with its score, the share of the held-out choices that the model now prefers.

    `held` are `(prompt, chosen, rejected)`. Where fewer hidden rows are answered well than `section.content`, the score
    shrinks in proportion, so that a model which no longer writes anything of use scores 0.
    """
    gains = []
    for pair in held:
        after, before = (yield from _odds(model, adapter, pair)), (yield from _odds(model, None, pair))
        gains.append(after - before)
    share = sum(gain >= DOUBLED for gain in gains) / len(gains)
    return replace(
        grade,
        score=_shrunk(share, section, grade.score),
        private_score=_shrunk(share, section, grade.private_score),
        private={**grade.private, "own_choices": {"share": share, "gains": gains, "content": grade.score}},
    )


def _odds(model: str, adapter: str | None, pair: tuple[str, ...]) -> Generator[WorkItem, Any, float]:
    """Returns the logarithm of the odds of the chosen answer against the other."""
    prompt, *sides = pair
    result: Scored = yield Score(model, "", (prompt,), tuple(sides), adapter, STAGE, exact=True)
    chosen, rejected = result.logprobs[0]
    return chosen - rejected


def _shrunk(share: float, section: OwnChoices, content: float | None) -> float | None:
    return None if content is None else share * min(1.0, content / section.content)
