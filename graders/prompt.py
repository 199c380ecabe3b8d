"""Grades a few-shot prompt: the base model answers with the learner's instructions and examples."""

from __future__ import annotations

from challenges.payloads import PromptPayload
from challenges.spec import Challenge
from graders.base import Assignment, Grading
from graders.decoding import Ask
from graders.evaluation import evaluate
from graders.evaluation import predict as predict_with


def grade(assignment: Assignment) -> Grading:
    """Yields Score or Generate for the public samples, then for the hidden ones.

    With `assignment.inputs` (the demo) it predicts for these alone.
    """
    payload = assignment.payload
    assert isinstance(payload, PromptPayload)
    if assignment.inputs:
        return predict(assignment.bundle.challenge, payload, assignment.inputs, adapter=assignment.adapter)
    ask = _ask(assignment.bundle.challenge, payload, assignment.adapter)
    return evaluate(ask, assignment.bundle, hidden=assignment.hidden)


def predict(
    challenge: Challenge, payload: PromptPayload, inputs: tuple[str, ...], *, adapter: str | None = None
) -> Grading:
    """Answers to `inputs` as `Grade.public`; `adapter` names a trained adapter, for the demo."""
    return predict_with(_ask(challenge, payload, adapter), inputs)


def _ask(challenge: Challenge, payload: PromptPayload, adapter: str | None = None) -> Ask:
    return Ask(challenge, payload.instructions, payload.examples, payload.example, adapter, payload.label_words)
