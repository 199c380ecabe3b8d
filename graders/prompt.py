"""Grades a few-shot prompt: the base model answers with the learner's instructions and examples."""

from __future__ import annotations

from challenges.kinds.prompt import PromptPayload
from graders.base import Assignment, Grading
from graders.decoding import Ask
from graders.measuring import evaluate, predict


def grade(assignment: Assignment) -> Grading:
    """Yields Score or Generate for the public samples, then for the hidden ones.

    With `assignment.inputs` (the demo) it predicts for these alone.
    """
    bundle = assignment.bundle
    ask = ask_of(assignment)
    if assignment.inputs:
        return predict(ask, assignment.inputs, bundle.public)
    return evaluate(ask, bundle, hidden=assignment.hidden)


def ask_of(assignment: Assignment) -> Ask:
    """Returns how the submission asks the model."""
    payload = assignment.payload
    assert isinstance(payload, PromptPayload)
    return Ask(
        assignment.bundle.challenge,
        payload.instructions,
        payload.examples,
        payload.example,
        assignment.adapter,
        payload.label_words,
    )
