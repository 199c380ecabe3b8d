"""Asks the base model, and then what was trained, about a learner's own text. Nothing is graded.

The answers are read as those of graded rows are, so that a text gets here the answer that it would get there.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from graders import registry
from graders.base import BASE, TRAINED, Assignment, Generate, Generated, Grade, Grading, WorkItem
from graders.decoding import Ask, answer, label_priors

PLAIN_TOKENS = 128
"""The most tokens of an answer to the model's own chat template. The attempt's template has its challenge's limit."""


def chat(assignment: Assignment) -> Grading:
    """Yields the items of the base model, then those of the adapter. The grade's `chat` has the answers by stage."""
    answers = {}
    for stage, adapter in ((BASE, None), (TRAINED, assignment.adapter)):
        answers[stage] = yield from _answered(assignment, stage, adapter)
    return Grade(score=None, chat={"prompt": _prompt(assignment), "answers": answers})


def _answered(assignment: Assignment, stage: str, adapter: str | None) -> Generator[WorkItem, Any, dict[str, Any]]:
    assert assignment.chat is not None
    if assignment.chat.prompt:
        return (yield from _plainly(assignment, stage, adapter))
    ask = replace(_ask(assignment), adapter=adapter)
    priors = yield from label_priors(ask, assignment.bundle.public)
    answers = yield from answer(ask, [assignment.chat.text], stage, priors)
    (output,) = answers.outputs
    return {"text": output.text, "probabilities": output.probabilities, **answers.cost}


def _plainly(assignment: Assignment, stage: str, adapter: str | None) -> Generator[WorkItem, Any, dict[str, Any]]:
    assert assignment.chat is not None
    item = Generate(
        model=str(assignment.bundle.challenge.model),
        prompt=assignment.chat.prompt,
        suffixes=("",),
        max_new_tokens=PLAIN_TOKENS,
        adapter=adapter,
        stage=stage,
    )
    said: Generated = yield item
    cost = {"prompt_tokens": said.prompt_tokens[0], "new_tokens": said.new_tokens[0], "ms": round(1000 * said.seconds)}
    return {"text": said.texts[0].strip(), "probabilities": {}, **cost}


def _prompt(assignment: Assignment) -> str:
    assert assignment.chat is not None
    return assignment.chat.prompt or _ask(assignment).render([assignment.chat.text]).prompts[0]


def _ask(assignment: Assignment) -> Ask:
    """Returns how the attempt asks. A kind whose grader does not say so asks by the challenge's template alone."""
    return registry.ask_of(assignment) or Ask(assignment.bundle.challenge, "")
