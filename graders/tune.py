"""Fine-tunes the base model on a learner's rows, then grades it like a prompt without examples."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.kinds.tune import TRIAL_STEPS, TunePayload
from challenges.kinds.tune_keys import held_out, tune
from challenges.prompts import target_text
from challenges.rows import AnyRow, PreferenceRow, Required, Sample
from challenges.spec import Challenge
from challenges.training_methods import METHODS
from graders.base import Assignment, Grade, Grading, Rejected, Train, Trained, WorkItem
from graders.decoding import Ask, ending
from graders.measuring import evaluate, predict
from graders.own_choices import scored

VALID_ROWS = 40
# TRL's default, for methods that do not use it.
BETA = 0.1
JOB = "job"

Rows = tuple[tuple[str, ...], ...]


def grade(assignment: Assignment) -> Grading:
    """Yields Train, then Score or Generate with the new adapter; a trial run trains at most 20 steps.

    If the learner's own choices count, the last items ask the model about the choices that are held out.
    Raises `Rejected('diverged')` if the training loss is not a number.
    """
    payload, bundle = assignment.payload, assignment.bundle
    assert isinstance(payload, TunePayload)
    is_trial = not (assignment.hidden or assignment.whole)
    trained = yield from _train(bundle, payload, assignment.draw, TRIAL_STEPS if is_trial else None)
    graded = yield from _answer(ask_of(assignment), assignment)
    own = tune(bundle.challenge).own_choices
    if own is not None and assignment.hidden:
        _, rows = own.split(payload.rows, assignment.draw)
        held = _rendered(bundle.challenge, payload.instructions, _sides(rows))
        graded = yield from scored(graded, own, str(bundle.challenge.model), JOB, held)
    return replace(graded, adapter_files=trained.files, training=figures(trained))


def ask_of(assignment: Assignment) -> Ask:
    """Returns how the trained adapter is asked."""
    assert isinstance(assignment.payload, TunePayload)
    return Ask(assignment.bundle.challenge, assignment.payload.instructions, adapter=JOB)


def training_rows(challenge: Challenge, payload: TunePayload, draw: str = "") -> Rows:
    """Returns `(prompt, completion)`, or `(prompt, chosen, rejected)`, of each row that is trained on.

    A prompt ends where the model continues at grading time.
    """
    trained, _ = held_out(tune(challenge), payload.method, payload.rows, draw)
    return _rendered(challenge, payload.instructions, _texts(payload, trained))


def _answer(ask: Ask, assignment: Assignment) -> Generator[WorkItem, Any, Grade]:
    if assignment.inputs:
        return (yield from predict(ask, assignment.inputs, assignment.bundle.public))
    return (yield from evaluate(ask, assignment.bundle, hidden=assignment.hidden))


def _train(
    bundle: ChallengeBundle, payload: TunePayload, draw: str, max_steps: int | None
) -> Generator[WorkItem, Any, Trained]:
    challenge, knobs = bundle.challenge, payload.hyperparameters
    spec = tune(challenge)
    trained: Trained = yield Train(
        model=str(challenge.model),
        rows=training_rows(challenge, payload, draw),
        valid=_valid(bundle, payload, draw),
        r=knobs.r,
        lora_alpha=knobs.lora_alpha,
        learning_rate=knobs.learning_rate,
        num_train_epochs=knobs.num_train_epochs,
        per_device_train_batch_size=knobs.per_device_train_batch_size,
        seed=spec.fixed.seed,
        target_modules=spec.fixed.target_modules,
        row_tokens_max=spec.row_tokens_max,
        max_steps=max_steps,
        method=payload.method,
        beta=knobs.beta or BETA,
        rpo_alpha=knobs.rpo_alpha or 0.0,
    )
    if not math.isfinite(trained.train_loss):
        raise Rejected("diverged")
    return trained


def _valid(bundle: ChallengeBundle, payload: TunePayload, draw: str) -> Rows:
    """Returns held-out preferences, or public samples whose targets are texts that the model could write."""
    challenge = bundle.challenge
    _, held = held_out(tune(challenge), payload.method, payload.rows, draw)
    public = [(sample.input, target_text(sample.target)) for sample in bundle.public if _is_written(sample)]
    rows = _texts(payload, held) if METHODS[payload.method].compares else public[:VALID_ROWS]
    return _rendered(challenge, payload.instructions, rows)


def _is_written(sample: Sample) -> bool:
    return not isinstance(sample.target, Required)


def _texts(payload: TunePayload, rows: Sequence[AnyRow]) -> Sequence[tuple[str, ...]]:
    if METHODS[payload.method].compares:
        return _sides(rows)
    return [(row.input, row.output) for row in rows]


def _sides(rows: Sequence[AnyRow]) -> list[tuple[str, ...]]:
    return [(row.prompt, row.chosen, row.rejected) for row in rows if isinstance(row, PreferenceRow)]


def _rendered(challenge: Challenge, instructions: str, rows: Sequence[tuple[str, ...]]) -> Rows:
    rendered = Ask(challenge, instructions).render([row[0] for row in rows])
    last = ending(challenge)
    return tuple(
        (prompt, *(rendered.lead + written + last for written in row[1:]))
        for prompt, row in zip(rendered.prompts, rows, strict=True)
    )


def figures(trained: Trained) -> dict[str, float]:
    """Returns what a training run has measured, as a grade stores it."""
    always = {
        "steps": float(trained.steps),
        "train_loss": trained.train_loss,
        "trainable_share": trained.trainable_share,
        "adapter_bytes": float(trained.adapter_bytes),
        "tokens": float(trained.tokens),
        "seconds": trained.seconds,
    }
    valid = {} if trained.valid_loss is None else {"valid_loss": trained.valid_loss}
    peak = {} if trained.peak_bytes is None else {"peak_bytes": float(trained.peak_bytes)}
    return {**always, **peak, **valid, **trained.figures}
