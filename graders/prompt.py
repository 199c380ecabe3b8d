"""Grades a few-shot prompt: the base model answers with the learner's instructions and examples."""

from __future__ import annotations

from challenges.kinds.prompt import PromptPayload
from challenges.spec import Challenge
from graders.base import Assignment, Grading
from graders.decoding import Ask
from graders.evaluation import evaluate, predict


def grade(assignment: Assignment) -> Grading:
    """Yields Score or Generate for the public samples, then for the hidden ones.

    With `assignment.inputs` (the demo) it predicts for these alone.
    """
    payload = assignment.payload
    assert isinstance(payload, PromptPayload)
    bundle = assignment.bundle
    ask = _ask(bundle.challenge, payload, assignment.adapter)
    if assignment.inputs:
        return predict(ask, assignment.inputs, bundle.public)
    return evaluate(ask, bundle, hidden=assignment.hidden)


def _ask(challenge: Challenge, payload: PromptPayload, adapter: str | None = None) -> Ask:
    return Ask(challenge, payload.instructions, payload.examples, payload.example, adapter, payload.label_words)
