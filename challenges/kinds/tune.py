"""The kind `tune`: training rows and hyperparameters, with which the base model is fine-tuned before it is tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from challenges import field_checks
from challenges.field_checks import FieldProblem
from challenges.files.jsonl import RowLimits
from challenges.files.source import Source
from challenges.files.yaml_lines import Located
from challenges.kinds import own_choices
from challenges.kinds.base import TRIAL_SECONDS, Kind, Lane, TokenUse
from challenges.kinds.own_choices import read_candidates
from challenges.kinds.tune_keys import (
    Alpha,
    Rank,
    Tune,
    TuneKeys,
    candidates,
    held_out,
    is_allowed,
    is_none,
    is_sites,
    tune,
)
from challenges.models.token_counts import CountTokens, row_tokens
from challenges.payloads import Payload, Submitted, Whole
from challenges.rows import AnyRow, PreferenceRow, Sample, TrainingRow, TrainRow
from challenges.spec import Challenge, dump
from challenges.training_methods import DPO, INTERVALS, LORA, METHODS, Method
from challenges.translation import gettext, gettext_noop

UPLOAD_BYTES = RowLimits().bytes_max
# Counting stops at so many times the budget, and the rest is estimated, so that a refusal is quick.
COUNT_UP_TO = 2
# A run on public samples trains at most so many steps.
TRIAL_STEPS = 20


class Hyperparameters(Payload):
    """PEFT's, transformers' and TRL's names. Values outside a challenge's knobs are refused at submit.

    What is left out starts where the method does (`training_methods`). `beta` and `rpo_alpha` are for `dpo` alone.
    """

    r: Rank = 8
    lora_alpha: Alpha = 16
    learning_rate: float = Field(0.001, gt=0, le=0.1, allow_inf_nan=False, strict=True)
    num_train_epochs: Whole = Field(3, ge=1, le=20)
    per_device_train_batch_size: Whole = Field(16, ge=1, le=16)
    beta: float | None = Field(None, gt=0, le=10, allow_inf_nan=False, strict=True, exclude_if=is_none)
    rpo_alpha: float | None = Field(None, ge=0, le=10, allow_inf_nan=False, strict=True, exclude_if=is_none)


class TunePayload(Submitted):
    """`rows` are inputs with outputs, or preferences, as the challenge asks for."""

    kind: Literal["tune"] = "tune"
    method: Method = LORA
    instructions: str = Field("", max_length=16_384)
    rows: tuple[TrainingRow, ...] = Field(min_length=1, max_length=2000)
    hyperparameters: Hyperparameters = Hyperparameters()

    @model_validator(mode="before")
    @classmethod
    def _starting_where_the_method_does(cls, data: Any) -> Any:
        method = data.get("method") if isinstance(data, dict) else None
        given = data.get("hyperparameters", {}) if isinstance(data, dict) else None
        if not isinstance(method, str) or method not in METHODS or not isinstance(given, dict):
            return data
        starts = METHODS[method].starts
        return {**data, "hyperparameters": {**starts, **given}} if starts else data


class TuneKind(Kind):
    """Codes of problems: method, row_shape, equal_sides, too_long, too_many_rows, too_many_tokens, tokens_max,
    too_many_steps, unknown_label, special_token, control_character, knob, empty, too_few_choices, not_your_choice,
    repeated.
    """

    name = "tune"
    title = gettext_noop("LoRA")
    noun = gettext_noop("a training run")
    icon = "sliders"
    run_label = gettext_noop("Try 20 steps")
    counted = gettext_noop("Training")
    payload = TunePayload
    keys = TuneKeys
    lane = Lane.TRAIN
    is_trained = True
    has_take_home = True
    rows_field = "rows"
    lint = "challenges.lint.tune:lint_tune"
    scaffold = "challenges.scaffold.tune:SCAFFOLD"
    file_keys = frozenset({own_choices.KEY})
    approaches = {name: method.title for name, method in METHODS.items()}

    def is_scored_by_rows(self, challenge: Challenge) -> bool:
        return tune(challenge).own_choices is None

    def read_files(self, source: Source, rel: str, located: Located) -> dict[str, Any]:
        return read_candidates(source, rel, located)

    def allowed(self, challenge: Challenge) -> Sequence[str]:
        return [METHODS[name].title for name in tune(challenge).methods]

    def title_of(self, payload: Mapping[str, Any]) -> str:
        method = METHODS.get(payload.get("method", LORA))
        return method.title if method else self.title

    def check(self, challenge: Challenge, payload: TunePayload) -> Iterator[FieldProblem]:
        return _fields(challenge, payload)

    def limit(self, challenge: Challenge, payload: Mapping[str, Any], field: str) -> str:
        section, method = tune(challenge), payload.get("method", LORA)
        name = field.removeprefix("hyperparameters.")
        knobs = section.knobs.of(method) if method in section.methods else {}
        return _allowed(name, knobs[name]) if name in knobs else ""

    def check_tokens(
        self, challenge: Challenge, payload: TunePayload, count_tokens: CountTokens
    ) -> Iterator[FieldProblem]:
        return _tokens(challenge, payload, count_tokens)

    def check_submission(self, challenge: Challenge, payload: TunePayload) -> Iterator[FieldProblem]:
        section = tune(challenge)
        if payload.method in section.trial_only:
            message = gettext(
                "In this challenge you can try the method %(method)s, but not submit it. Submit with one of these: "
                "%(others)s."
            )
            others = [name for name in section.methods if name not in section.trial_only]
            yield FieldProblem("method", "method", message % {"method": payload.method, "others": ", ".join(others)})

    def tokens(self, challenge: Challenge, payload: TunePayload, count_tokens: CountTokens) -> TokenUse:
        counts = row_tokens(challenge, count_tokens, payload.instructions, texts(payload.method, payload.rows))
        return TokenUse(sum(counts) * payload.hyperparameters.num_train_epochs, tune(challenge).tokens_max)

    def seconds(self, challenge: Challenge) -> int:
        return challenge.limits.seconds + tune(challenge).seconds

    def trial_seconds(self, challenge: Challenge, payload: TunePayload) -> float:
        """Its steps have the same share of the time for training that they are of the steps of a submission."""
        section = tune(challenge)
        trained, _ = held_out(section, payload.method, payload.rows)
        share = min(1.0, TRIAL_STEPS / max(1, training_steps(len(trained), payload.hyperparameters)))
        return TRIAL_SECONDS + share * section.seconds

    def seed(self, challenge: Challenge) -> int:
        return tune(challenge).fixed.seed

    def with_seed(self, challenge: Challenge, seed: int) -> Challenge:
        section = tune(challenge)
        fixed = section.fixed.model_copy(update={"seed": seed})
        changed = section.model_copy(update={"fixed": fixed})
        return challenge.with_keys(self.name, TuneKeys(tune=changed, candidates=candidates(challenge)))

    def inputs(self, payload: TunePayload) -> Sequence[str]:
        return [row.input for row in payload.rows]

    def prose(self, payload: TunePayload) -> str:
        return payload.instructions

    def approach(self, payload: TunePayload) -> str:
        return payload.method

    def needs(self, challenge: Challenge) -> Mapping[str, str]:
        return {method: f"{method}/{challenge.model}" for method in tune(challenge).methods}

    def parts(self, challenge: Challenge, payload: TunePayload) -> Mapping[str, object]:
        return {
            "method": payload.method,
            "instructions": payload.instructions.strip(),
            "hyperparameters": payload.hyperparameters,
            "rows": payload.rows,
        }

    def own_choices(self, challenge: Challenge, payload: TunePayload) -> Sequence[AnyRow]:
        return () if tune(challenge).own_choices is None else payload.rows

    def decides_outputs(self, challenge: Challenge, samples: Sequence[Sample]) -> dict[str, Any]:
        section = tune(challenge)
        return {"training": {"fixed": dump(section.fixed), "row_tokens_max": section.row_tokens_max}}

    def shown_keys(self, challenge: Challenge) -> dict[str, Any]:
        return dump(tune(challenge))


KIND = TuneKind()


def texts(method: Method, rows: Sequence[AnyRow]) -> Sequence[AnyRow]:
    """What the model reads in training, as inputs with outputs. For DPO each row makes two, one after the other."""
    if method != DPO:
        return rows
    both = ((row.input, side) for row in rows if isinstance(row, PreferenceRow) for side in (row.chosen, row.rejected))
    return [TrainRow(input=input, output=output) for input, output in both]


def _fields(challenge: Challenge, payload: TunePayload) -> Iterator[FieldProblem]:
    section = tune(challenge)
    yield from field_checks.instructions(challenge, payload.instructions)
    if payload.method not in section.methods:
        message = gettext("This challenge does not allow the method %(method)s. Choose one of these: %(allowed)s.")
        message %= {"method": payload.method, "allowed": ", ".join(section.methods)}
        yield FieldProblem("method", "method", message)
        return
    if len(payload.rows) > section.rows_max:
        message = gettext("%(count)s rows are too many: keep %(most)s at most.")
        if is_sites(challenge, "rows_max"):
            message = gettext("%(count)s rows are too many: this site trains on %(most)s at most.")
        message %= {"count": f"{len(payload.rows):,}", "most": f"{section.rows_max:,}"}
        yield FieldProblem("too_many_rows", "rows", message)
    yield from _knobs(section, payload.method, payload.hyperparameters)
    yield from _steps(section, payload, is_sites=is_sites(challenge, "steps_max"))
    yield from field_checks.training_rows(challenge, payload.rows, preferences=section.rows == "preferences")
    if section.own_choices is not None:
        yield from own_choices.problems(section.own_choices, candidates(challenge), payload.rows)
    yield from field_checks.size(
        "rows", [text for row in payload.rows for text in row.model_dump().values()], UPLOAD_BYTES
    )


def _knobs(section: Tune, method: Method, chosen: Hyperparameters) -> Iterator[FieldProblem]:
    for name, allowed in section.knobs.of(method).items():
        field, value = f"hyperparameters.{name}", getattr(chosen, name)
        if not is_allowed(name, value, allowed):
            yield FieldProblem("knob", field, _allowed(name, allowed))
    for name in ("beta", "rpo_alpha"):
        if getattr(chosen, name) is not None and name not in METHODS[method].settings:
            message = gettext("This is a setting of the method dpo, and not of %(method)s: leave it out.")
            yield FieldProblem("knob", f"hyperparameters.{name}", message % {"method": method})


def _allowed(name: str, allowed: Sequence[float]) -> str:
    if name in INTERVALS:
        return field_checks.between(allowed[0], allowed[1])
    return gettext("The value must be one of %(allowed)s.") % {"allowed": ", ".join(map(str, allowed))}


def _steps(section: Tune, payload: TunePayload, *, is_sites: bool) -> Iterator[FieldProblem]:
    trained, _ = held_out(section, payload.method, payload.rows)
    steps = training_steps(len(trained), payload.hyperparameters)
    if steps > section.steps_max:
        message = gettext(
            "The training run would take %(count)s steps; %(most)s are allowed. Choose larger batches, fewer epochs or "
            "fewer rows."
        )
        if is_sites:
            message = gettext(
                "The training run would take %(count)s steps; this site allows %(most)s. Choose larger batches, fewer "
                "epochs or fewer rows."
            )
        message %= {"count": f"{steps:,}", "most": f"{section.steps_max:,}"}
        yield FieldProblem("too_many_steps", "hyperparameters", message)


def training_steps(rows: int, chosen: Hyperparameters) -> int:
    """Optimiser steps of a training run: batches per epoch, the last one perhaps smaller, times epochs."""
    return -(-rows // chosen.per_device_train_batch_size) * chosen.num_train_epochs


def _tokens(challenge: Challenge, payload: TunePayload, count_tokens: CountTokens) -> Iterator[FieldProblem]:
    section, epochs = tune(challenge), payload.hyperparameters.num_train_epochs
    read = texts(payload.method, payload.rows)
    sides = len(read) // len(payload.rows)
    counts: list[int] = []
    total = 0
    for count in row_tokens(challenge, count_tokens, payload.instructions, read):
        counts.append(count)
        if count > section.row_tokens_max:
            message = gettext("With the instructions, this row has %(count)s tokens; %(most)s are allowed. Shorten it.")
            message %= {"count": f"{count:,}", "most": section.row_tokens_max}
            yield FieldProblem("too_many_tokens", "rows", message, (len(counts) - 1) // sides + 1)
        total += count
        if total * epochs > COUNT_UP_TO * section.tokens_max:
            break
    if total * epochs > section.tokens_max:
        mean = sides * sum(counts) / len(counts)
        yield FieldProblem("tokens_max", "rows", _over_budget(section, len(payload.rows), epochs, mean))


def _over_budget(section: Tune, rows: int, epochs: int, mean: float) -> str:
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
