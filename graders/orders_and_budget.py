"""Turns a metric into a score where a challenge takes the lowest of several orders, or has a budget of tokens."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from challenges.prompts import own_words
from challenges.shown_score import floor_to_step
from graders.base import Charged, Count, Counted, Grade, WorkItem
from graders.decoding import Ask


def worst_public(grades: Sequence[Grade]) -> Grade:
    """Returns the grade of the order that is lowest on public samples; the earliest order if several are equal."""
    worst = min(grades, key=lambda grade: grade.public_score or 0.0)
    several = len(grades) > 1
    return replace(worst, public_orders=tuple(grade.public_score or 0.0 for grade in grades) if several else ())


def worst_hidden(grades: Sequence[Grade]) -> Grade:
    """Returns the grade of the order that is lowest on hidden samples, with the lowest private score of any order."""
    worst = min(grades, key=lambda grade: grade.score or 0.0)
    private = [grade.private_score for grade in grades if grade.private_score is not None]
    return replace(worst, private_score=min(private, default=None))


def charge(ask: Ask, template: str | None) -> Generator[WorkItem, Any, Charged | None]:
    """Returns what a prompt costs, or None if the challenge has no budget of tokens.

    Instructions and examples count, and the words that a `template` of the learner's own puts around each row. All
    orders of the examples have the same text, so it is counted once, in the given order.
    """
    challenge, budget = ask.challenge, ask.challenge.metric.tokens
    if budget is None:
        return None
    shared = ask.render(()).prefix + own_words(challenge.prompt, template)
    counted: Counted = (yield Count(str(challenge.model), shared)) if shared else Counted(0)
    return Charged(counted.tokens, budget.factor(counted.tokens))


def with_charge(grade: Grade, charged: Charged | None, step: float) -> Grade:
    """Returns the grade with every score multiplied by the factor; metrics stay as they are.

    On hidden samples the metric is first rounded down to the challenge's `step`. Otherwise learners could find its
    exact value by the scores of prompts that only differ in length.
    """
    if charged is None:
        return grade
    return replace(
        grade,
        charged=charged,
        score=_times(grade.score, charged.factor, step),
        private_score=_times(grade.private_score, charged.factor, step),
        public_score=None if grade.public_score is None else grade.public_score * charged.factor,
    )


def _times(score: float | None, factor: float, step: float) -> float | None:
    return None if score is None else floor_to_step(score, step) * factor
