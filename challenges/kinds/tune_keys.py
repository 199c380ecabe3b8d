"""The keys of `challenge.yaml` that a challenge with training runs has: methods, rows, and what may be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from challenges.kinds import training_limits
from challenges.kinds.own_choices import Candidates, OwnChoices
from challenges.rows import AnyRow
from challenges.spec import Challenge, Keys, Spec
from challenges.training_methods import DPO, INTERVALS, LORA, METHODS, Method

Rank = Literal[4, 8, 16, 32]
Alpha = Literal[4, 8, 16, 32, 64]


class MethodKnobs(Spec):
    """What a learner may choose with one method, where that is something else."""

    r: tuple[Rank, ...] | None = None
    lora_alpha: tuple[Alpha, ...] | None = None
    learning_rate: tuple[float, float] | None = None
    num_train_epochs: tuple[int, int] | None = None
    per_device_train_batch_size: tuple[int, ...] | None = None
    beta: tuple[float, float] | None = None
    rpo_alpha: tuple[float, float] | None = None


def is_none(value: object) -> bool:
    """Whether a key was left out, so that a dump leaves it out as well."""
    return value is None


class Knobs(Spec):
    """What a learner may choose: listed values, or a closed interval. The sections of single methods come first."""

    r: tuple[Rank, ...] = (4, 8, 16)
    lora_alpha: tuple[Alpha, ...] = (8, 16, 32)
    learning_rate: tuple[float, float] = (1.0e-5, 2.0e-3)
    num_train_epochs: tuple[int, int] = (1, 5)
    per_device_train_batch_size: tuple[int, ...] = (4, 8, 16)
    qlora: MethodKnobs | None = Field(None, exclude_if=is_none)
    full: MethodKnobs | None = Field(None, exclude_if=is_none)
    dpo: MethodKnobs | None = Field(None, exclude_if=is_none)

    def of(self, method: Method) -> dict[str, tuple[Any, ...]]:
        """What may be chosen with a method, by the setting's name, in the order of the form."""
        own = getattr(self, method, None)
        ranges = METHODS[method].ranges
        return {
            name: getattr(own, name, None) or ranges.get(name) or getattr(self, name)
            for name in METHODS[method].settings
        }


class MethodStarts(Spec):
    """Where the form starts with one method, where that is something else."""

    r: Rank | None = None
    lora_alpha: Alpha | None = None
    learning_rate: float | None = None
    num_train_epochs: int | None = None
    per_device_train_batch_size: int | None = None
    beta: float | None = None
    rpo_alpha: float | None = None


class Starts(MethodStarts):
    """With which settings the form starts. The sections of single methods come first, then a method's own defaults."""

    qlora: MethodStarts | None = Field(None, exclude_if=is_none)
    full: MethodStarts | None = Field(None, exclude_if=is_none)
    dpo: MethodStarts | None = Field(None, exclude_if=is_none)

    def of(self, method: Method) -> dict[str, float]:
        """What the author chose for a method, by the setting's name."""
        section, defaults = getattr(self, method, None), METHODS[method].starts
        chosen = {
            name: own if (own := getattr(section, name, None)) is not None or name in defaults else getattr(self, name)
            for name in METHODS[method].settings
        }
        return {name: value for name, value in chosen.items() if value is not None}


class Fixed(Spec):
    seed: int = 17
    target_modules: Literal["all-linear"] = "all-linear"


class Tune(Spec):
    """The section `tune`: which training runs a challenge allows.

    Of `rows_max`, `steps_max` and `seconds`, and the operator's limits (`training_limits`), the smaller ones count.

    The methods of `trial_only` can be tried on public samples, but not submitted.

    With preferences DPO trains on all but every `hold_out_every`th row, which is held out to see whether the preference
    carries over; 0 holds none out. The other methods then train on the chosen answers. With `own_choices` the score is
    by choices of the learner, which are held out before.
    """

    methods: tuple[Method, ...] = Field((LORA,), min_length=1, exclude_if=lambda methods: methods == (LORA,))
    trial_only: tuple[Method, ...] = Field((), exclude_if=lambda methods: not methods)
    rows: Literal["pairs", "preferences"] = Field("pairs", exclude_if=lambda rows: rows == "pairs")
    hold_out_every: int = Field(5, ge=0, le=20, exclude_if=lambda every: every == 5)
    rows_max: int = Field(500, ge=1, le=2000)
    row_tokens_max: int = Field(256, ge=8, le=512)
    tokens_max: int = Field(150_000, ge=1000, le=2_000_000)
    steps_max: int = Field(500, ge=1, le=5000)
    knobs: Knobs = Knobs()
    starts: Starts | None = Field(None, exclude_if=is_none)
    fixed: Fixed = Fixed()
    own_choices: OwnChoices | None = Field(None, exclude_if=is_none)
    seconds: int = Field(600, ge=10, le=3600)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.rows == "pairs" and (comparing := [name for name in self.methods if METHODS[name].compares]):
            raise ValueError(f"{comparing[0]} learns from preferences: write `rows: preferences`, or leave it out")
        if len(set(self.methods)) < len(self.methods):
            raise ValueError("a method stands twice in `methods`: keep one")
        if stray := [name for name in self.trial_only if name not in self.methods]:
            raise ValueError(f"{stray[0]} stands in `trial_only` but not in `methods`: add it there, or leave it out")
        if set(self.trial_only) == set(self.methods):
            raise ValueError("no method can be submitted: leave one out of `trial_only`")
        for method in self.methods:
            for name, value in self.starts_of(method).items():
                if not is_allowed(name, value, self.knobs.of(method)[name]):
                    raise ValueError(f"`starts` has {name} {value:g}, which `knobs` does not allow: change one of them")
        return self

    def starts_of(self, method: Method) -> dict[str, float]:
        """The settings with which the author lets a method start; the others start at their defaults."""
        return {} if self.starts is None else self.starts.of(method)


def is_allowed(name: str, value: float | None, allowed: Sequence[float]) -> bool:
    """Whether a setting has a value within the interval, or among the listed ones, that a challenge allows."""
    if name in INTERVALS:
        return value is not None and allowed[0] <= value <= allowed[1]
    return value in allowed


class TuneKeys(Keys):
    """`candidates` names a file in `challenge.yaml`; here it holds its rows."""

    tune: Tune = Field(description="Which training runs the challenge allows", examples=[{}])
    candidates: Candidates = Field(
        (),
        max_length=200,
        exclude_if=lambda listed: not listed,
        description="Prompts with answers between which learners choose: a file such as candidates.jsonl",
    )


def tune(challenge: Challenge) -> Tune:
    """The challenge's section `tune` within the operator's limits; the defaults where it accepts no training run."""
    section = _written(challenge)
    lower = {key: most for key, most in training_limits.operators().items() if getattr(section, key) > most}
    return section.model_copy(update=lower) if lower else section


def is_sites(challenge: Challenge, key: str) -> bool:
    """Returns True if the operator's limit applies, because it is lower than the challenge's."""
    return bool(getattr(_written(challenge), key) > training_limits.operators()[key])


def _written(challenge: Challenge) -> Tune:
    keys = challenge.keys_of("tune")
    return keys.tune if isinstance(keys, TuneKeys) else Tune()


def candidates(challenge: Challenge) -> Candidates:
    """The prompts whose answers learners may choose between; empty where there are none."""
    keys = challenge.keys_of("tune")
    return keys.candidates if isinstance(keys, TuneKeys) else ()


def held_out(
    section: Tune, method: Method, rows: Sequence[AnyRow], draw: str = ""
) -> tuple[Sequence[AnyRow], Sequence[AnyRow]]:
    """The rows that are trained on, and those of DPO that are held out and whose accuracy is shown.

    Choices by which the learner is scored are among neither; `draw` says which they are, and not how many.
    """
    if section.own_choices is not None:
        rows, _ = section.own_choices.split(rows, draw)
    every = section.hold_out_every
    if method != DPO or not every:
        return rows, ()
    kept = [row for number, row in enumerate(rows, 1) if number % every]
    return kept, rows[every - 1 :: every]
