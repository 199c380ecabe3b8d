"""The kind `tune`: training rows and hyperparameters, with which the base model is fine-tuned before it is tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from challenges import field_checks
from challenges.field_checks import FieldProblem
from challenges.jsonl import RowLimits
from challenges.kinds.base import Kind, Lane, TokenUse
from challenges.payloads import Payload, Submitted
from challenges.prompts import problem_with
from challenges.spec import Challenge, Keys, Spec, TrainRow, dump
from challenges.token_counts import CountTokens, row_tokens
from challenges.tokens import counter
from challenges.translation import gettext, gettext_noop

if TYPE_CHECKING:
    from challenges.lint_subject import Subject

UPLOAD_BYTES = RowLimits().bytes_max
# Counting stops at so many times the budget, and the rest is estimated, so that a refusal is quick.
COUNT_UP_TO = 2

Method = Literal["lora"]
LORA: Method = "lora"


class Knobs(Spec):
    """What a learner may choose: listed values, or a closed interval."""

    r: tuple[Literal[4, 8, 16, 32], ...] = (4, 8, 16)
    lora_alpha: tuple[Literal[4, 8, 16, 32, 64], ...] = (8, 16, 32)
    learning_rate: tuple[float, float] = (1.0e-5, 2.0e-3)
    num_train_epochs: tuple[int, int] = (1, 5)
    per_device_train_batch_size: tuple[int, ...] = (4, 8, 16)


class Fixed(Spec):
    seed: int = 17
    target_modules: Literal["all-linear"] = "all-linear"


class Tune(Spec):
    """The section `tune`: which training runs a challenge allows."""

    rows_max: int = Field(500, ge=1, le=2000)
    row_tokens_max: int = Field(256, ge=8, le=512)
    tokens_max: int = Field(150_000, ge=1000, le=2_000_000)
    steps_max: int = Field(500, ge=1, le=500)
    knobs: Knobs = Knobs()
    fixed: Fixed = Fixed()
    seconds: int = Field(600, ge=10, le=600)


class TuneKeys(Keys):
    tune: Tune


def tune(challenge: Challenge) -> Tune:
    """The challenge's section `tune`; the defaults where the challenge accepts no training run."""
    keys = challenge.keys_of("tune")
    return keys.tune if isinstance(keys, TuneKeys) else Tune()


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# JSON has one type of number, so that 3.0 is 3.
Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True)]


class Hyperparameters(Payload):
    """PEFT's and transformers' names. Values outside a challenge's knobs are refused at submit."""

    r: Literal[4, 8, 16, 32] = 8
    lora_alpha: Literal[4, 8, 16, 32, 64] = 16
    learning_rate: float = Field(0.001, gt=0, le=0.1, allow_inf_nan=False, strict=True)
    num_train_epochs: Whole = Field(3, ge=1, le=20)
    per_device_train_batch_size: Whole = Field(16, ge=1, le=16)


class TunePayload(Submitted):
    kind: Literal["tune"] = "tune"
    method: Method = LORA
    instructions: str = Field("", max_length=16_384)
    rows: tuple[TrainRow, ...] = Field(min_length=1, max_length=2000)
    hyperparameters: Hyperparameters = Hyperparameters()


class TuneKind(Kind):
    """Codes of problems: too_long, too_many_rows, too_many_tokens, tokens_max, too_many_steps, unknown_label,
    special_token, control_character, knob, empty.
    """

    name = "tune"
    title = gettext_noop("LoRA")
    noun = gettext_noop("a LoRA")
    icon = "sliders"
    run_label = gettext_noop("Try 20 steps")
    payload = TunePayload
    keys = TuneKeys
    lane = Lane.TRAIN
    is_trained = True
    rows_field = "rows"
    approaches = {LORA: gettext_noop("LoRA")}

    def check(self, challenge: Challenge, payload: TunePayload) -> Iterator[FieldProblem]:
        return _fields(challenge, payload)

    def check_tokens(
        self, challenge: Challenge, payload: TunePayload, count_tokens: CountTokens
    ) -> Iterator[FieldProblem]:
        return _tokens(challenge, payload, count_tokens)

    def tokens(self, challenge: Challenge, payload: TunePayload, count_tokens: CountTokens) -> TokenUse:
        counts = row_tokens(challenge, count_tokens, payload.instructions, payload.rows)
        return TokenUse(sum(counts) * payload.hyperparameters.num_train_epochs, tune(challenge).tokens_max)

    def lint(self, subject: Subject) -> None:
        _lint_knobs(subject)
        _lint_lengths(subject)

    def seconds(self, challenge: Challenge) -> int:
        return challenge.limits.seconds + tune(challenge).seconds

    def seed(self, challenge: Challenge) -> int:
        return tune(challenge).fixed.seed

    def with_seed(self, challenge: Challenge, seed: int) -> Challenge:
        section = tune(challenge)
        fixed = section.fixed.model_copy(update={"seed": seed})
        return challenge.with_keys(self.name, TuneKeys(tune=section.model_copy(update={"fixed": fixed})))

    def inputs(self, payload: TunePayload) -> Sequence[str]:
        return [row.input for row in payload.rows]

    def prose(self, payload: TunePayload) -> str:
        return payload.instructions

    def approach(self, payload: TunePayload) -> str:
        return payload.method

    def parts(self, challenge: Challenge, payload: TunePayload) -> Mapping[str, object]:
        return {
            "method": payload.method,
            "instructions": payload.instructions.strip(),
            "hyperparameters": payload.hyperparameters,
            "rows": payload.rows,
        }

    def shown_keys(self, challenge: Challenge) -> dict[str, Any]:
        return dump(tune(challenge))


KIND = TuneKind()


def _fields(challenge: Challenge, payload: TunePayload) -> Iterator[FieldProblem]:
    section = tune(challenge)
    yield from field_checks.instructions(challenge, payload.instructions)
    if len(payload.rows) > section.rows_max:
        message = gettext("%(count)s rows are too many: keep %(most)s at most.")
        message %= {"count": f"{len(payload.rows):,}", "most": f"{section.rows_max:,}"}
        yield FieldProblem("too_many_rows", "rows", message)
    yield from _knobs(section, payload.hyperparameters)
    yield from _steps(section, payload)
    yield from field_checks.pairs(challenge, "rows", payload.rows)
    yield from field_checks.size(
        "rows", [text for row in payload.rows for text in (row.input, row.output)], UPLOAD_BYTES
    )


def _knobs(section: Tune, chosen: Hyperparameters) -> Iterator[FieldProblem]:
    for name in ("r", "lora_alpha", "per_device_train_batch_size"):
        allowed = getattr(section.knobs, name)
        if getattr(chosen, name) not in allowed:
            listed = ", ".join(str(value) for value in allowed)
            message = gettext("The value must be one of %(allowed)s.") % {"allowed": listed}
            yield FieldProblem("knob", f"hyperparameters.{name}", message)
    for name in ("learning_rate", "num_train_epochs"):
        low, high = getattr(section.knobs, name)
        if not low <= getattr(chosen, name) <= high:
            message = gettext("The value must be between %(low)s and %(high)s.")
            yield FieldProblem("knob", f"hyperparameters.{name}", message % {"low": f"{low:g}", "high": f"{high:g}"})


def _steps(section: Tune, payload: TunePayload) -> Iterator[FieldProblem]:
    steps = training_steps(len(payload.rows), payload.hyperparameters)
    if steps > section.steps_max:
        message = gettext(
            "The training run would take %(count)s steps; %(most)s are allowed. Choose larger batches, fewer epochs or "
            "fewer rows."
        )
        message %= {"count": f"{steps:,}", "most": f"{section.steps_max:,}"}
        yield FieldProblem("too_many_steps", "hyperparameters", message)


def training_steps(rows: int, chosen: Hyperparameters) -> int:
    """Optimiser steps of a training run: batches per epoch, the last one perhaps smaller, times epochs."""
    return -(-rows // chosen.per_device_train_batch_size) * chosen.num_train_epochs


def _tokens(challenge: Challenge, payload: TunePayload, count_tokens: CountTokens) -> Iterator[FieldProblem]:
    section, epochs = tune(challenge), payload.hyperparameters.num_train_epochs
    counts: list[int] = []
    total = 0
    for count in row_tokens(challenge, count_tokens, payload.instructions, payload.rows):
        counts.append(count)
        if count > section.row_tokens_max:
            message = gettext("With the instructions, this row has %(count)s tokens; %(most)s are allowed. Shorten it.")
            message %= {"count": f"{count:,}", "most": section.row_tokens_max}
            yield FieldProblem("too_many_tokens", "rows", message, len(counts))
        total += count
        if total * epochs > COUNT_UP_TO * section.tokens_max:
            break
    if total * epochs > section.tokens_max:
        yield FieldProblem("tokens_max", "rows", _over_budget(section, len(payload.rows), epochs, counts))


def _over_budget(section: Tune, rows: int, epochs: int, counts: list[int]) -> str:
    mean = sum(counts) / len(counts)
    message = gettext(
        "%(rows)s rows with %(mean)s tokens on average, in %(epochs)s epochs, make %(count)s training tokens; %(most)s "
        "are allowed. Use fewer rows, fewer epochs or shorter rows."
    )
    return message % {
        "rows": f"{rows:,}",
        "epochs": epochs,
        "mean": f"{mean:,.0f}",
        "count": f"{rows * epochs * mean:,.0f}",
        "most": f"{section.tokens_max:,}",
    }


def _lint_knobs(subject: Subject) -> None:
    for name in ("learning_rate", "num_train_epochs"):
        low, high = getattr(tune(subject.challenge).knobs, name)
        if not 0 < low <= high:
            subject.spec(f"{name} is no interval", "give [lowest, highest], both above 0", "tune", "knobs", name)


def _lint_lengths(subject: Subject) -> None:
    count = counter(subject.challenge.model)
    if count is None or problem_with(subject.challenge.prompt.example) is not None:
        return
    instructions, most = subject.challenge.prompt.instructions, tune(subject.challenge).row_tokens_max
    for index, used in enumerate(row_tokens(subject.challenge, count, instructions, subject.bundle.train)):
        if used > most:
            subject.row("train.jsonl", index, f"has {used} tokens; row_tokens_max is {most}", "shorten it")
