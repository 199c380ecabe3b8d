"""Fine-tunes the base model on a learner's rows, then grades it like a prompt without examples."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.kinds.tune import TunePayload, tune
from challenges.prompts import target_text
from challenges.spec import Challenge
from graders.base import Assignment, Grade, Grading, Rejected, Train, Trained, WorkItem
from graders.decoding import Ask, ending
from graders.evaluation import evaluate, predict

TRIAL_STEPS = 20
VALID_ROWS = 40
JOB = "job"

Pairs = tuple[tuple[str, str], ...]


def grade(assignment: Assignment) -> Grading:
    """Yields Train, then Score or Generate with the new adapter; a trial run trains at most 20 steps.

    Raises `Rejected('diverged')` where the training loss is not a number.
    """
    payload, bundle = assignment.payload, assignment.bundle
    assert isinstance(payload, TunePayload)
    trained = yield from _train(bundle, payload, TRIAL_STEPS if not assignment.hidden else None)
    graded = yield from _answer(ask_of(assignment), assignment)
    return replace(graded, adapter_files=trained.files, training=_figures(trained))


def ask_of(assignment: Assignment) -> Ask:
    """How the trained adapter is asked."""
    assert isinstance(assignment.payload, TunePayload)
    return Ask(assignment.bundle.challenge, assignment.payload.instructions, adapter=JOB)


def training_pairs(challenge: Challenge, payload: TunePayload) -> Pairs:
    """`(prompt, completion)` of each row: the prompt ends where the model goes on at grading time."""
    return _pairs(challenge, payload.instructions, [(row.input, row.output) for row in payload.rows])


def _answer(ask: Ask, assignment: Assignment) -> Generator[WorkItem, Any, Grade]:
    if assignment.inputs:
        return (yield from predict(ask, assignment.inputs, assignment.bundle.public))
    return (yield from evaluate(ask, assignment.bundle, hidden=assignment.hidden))


def _train(bundle: ChallengeBundle, payload: TunePayload, max_steps: int | None) -> Generator[WorkItem, Any, Trained]:
    challenge, knobs = bundle.challenge, payload.hyperparameters
    spec = tune(challenge)
    trained: Trained = yield Train(
        model=str(challenge.model),
        rows=training_pairs(challenge, payload),
        valid=_valid(bundle, payload.instructions),
        r=knobs.r,
        lora_alpha=knobs.lora_alpha,
        learning_rate=knobs.learning_rate,
        num_train_epochs=knobs.num_train_epochs,
        per_device_train_batch_size=knobs.per_device_train_batch_size,
        seed=spec.fixed.seed,
        target_modules=spec.fixed.target_modules,
        row_tokens_max=spec.row_tokens_max,
        max_steps=max_steps,
    )
    if not math.isfinite(trained.train_loss):
        raise Rejected("diverged")
    return trained


def _valid(bundle: ChallengeBundle, instructions: str) -> Pairs:
    rows = [(sample.input, target_text(sample.target)) for sample in bundle.public[:VALID_ROWS]]
    return _pairs(bundle.challenge, instructions, rows)


def _pairs(challenge: Challenge, instructions: str, rows: list[tuple[str, str]]) -> Pairs:
    rendered = Ask(challenge, instructions).render([input for input, _ in rows])
    last = ending(challenge)
    return tuple(
        (prompt, rendered.lead + output + last) for prompt, (_, output) in zip(rendered.prompts, rows, strict=True)
    )


def _figures(trained: Trained) -> dict[str, float]:
    figures = {
        "steps": float(trained.steps),
        "train_loss": trained.train_loss,
        "trainable_share": trained.trainable_share,
        "adapter_bytes": float(trained.adapter_bytes),
        "tokens": float(trained.tokens),
        "seconds": trained.seconds,
    }
    return figures if trained.valid_loss is None else {**figures, "valid_loss": trained.valid_loss}
