"""What an author writes for a challenge, as pydantic models: `challenge.yaml`, and the types that every file shares.

The format is documented in `docs/bundle.md`. Rows stand in `challenges.rows`, and courses with their lessons in
`challenges.lesson.spec`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails

from challenges.registry import kind_names, known_kind, load_kind

# What an author reads whose text does not have the form that a key asks for, by that form.
FORMS = {
    (SLUG := r"^[a-z0-9]+(-[a-z0-9]+)*$"): "write lower-case words joined by `-`: `my-challenge`",
    (VERSION := r"^[0-9]+\.[0-9]+\.[0-9]+$"): "write three numbers with dots between them: `1.0.0`",
    (BASELINE := r"^baselines/[A-Za-z0-9._-]+\.yaml$"): "name a file in the folder baselines: `baselines/weak.yaml`",
}
Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=64)]
Version = Annotated[str, StringConstraints(pattern=VERSION, max_length=20)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(min_length=1)]
# As long as the columns of titles.
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
KindName = Annotated[str, AfterValidator(known_kind)]


class KeyFault(ValueError):
    """A rule about several keys is broken. `place` is the path to the key that is to be corrected, from the object
    whose rule it is.
    """

    def __init__(self, what: str, fix: str, *place: str | int) -> None:
        super().__init__(f"{what}: {fix}")
        self.what, self.fix, self.place = what, fix, place


class Spec(BaseModel):
    """The base of all models of the format. They are immutable, and an unknown key, which is a typo, is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def dump(model: Spec) -> dict[str, Any]:
    """The model as JSON-ready data, with the keys that authors write."""
    return model.model_dump(mode="json", by_alias=True)


class Label(Spec):
    """An answer that is one of several labels, by log-likelihood (`score`) or by greedy decoding (`generate`).

    `calibrate` divides by the label's probability on content-free inputs (`contextual`, Zhao et al. 2021) or by its
    mean over the first public samples (`batch`, Zhou et al. 2023, arXiv 2309.17249).
    """

    type: Literal["label"]
    labels: tuple[Text, ...] = Field(min_length=2, max_length=50)
    decode: Literal["score", "generate"] = "score"
    calibrate: Literal["none", "contextual", "batch"] = "none"
    max_new_tokens: int = Field(16, ge=1, le=128)


class Json(Spec):
    """An answer that is a flat JSON object. A field has a list of allowed values, or is free text (`string`).

    `constrained` lets the model write only what fits the schema, so that a lesson can compare that with examples and
    with training.
    """

    type: Literal["json"]
    fields: dict[str, tuple[Text, ...] | Literal["string"]] = Field(alias="schema", min_length=1)
    weights: dict[str, Annotated[float, Field(gt=0)]] = {}
    max_new_tokens: int = Field(64, ge=1, le=128)
    # Left out of a dump while it is off: an option that is added later must not change the digests of stored bundles.
    constrained: bool = Field(False, exclude_if=lambda on: not on)

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


class FreeForm(Spec):
    """An answer in free form: what greedy decoding writes, compared as a whole."""

    type: Literal["text"]
    max_new_tokens: int = Field(64, ge=1, le=128)


Answer = Annotated[Label | Json | FreeForm, Field(discriminator="type")]


class Prompt(Spec):
    """The prompt with which a learner starts. Placeholders are `{input}` and `{output}` only."""

    style: Literal["completion", "chat"] = "completion"
    instructions: str = ""
    example: str = "Input: {input}\nOutput: {output}"
    join: str = "\n\n"
    locked: bool = False


class Limits(Spec):
    """The limits of submissions. An author chooses them within the bounds of the site."""

    attempts_per_day: int = Field(10, ge=1, le=100)
    instructions_chars: int = Field(2000, ge=0, le=16_384)
    examples_max: int = Field(16, ge=0, le=64)
    prompt_tokens_max: int = Field(2048, ge=16, le=4096)
    answer_chars: int = Field(4000, ge=1, le=16_384)
    seconds: int = Field(120, ge=5, le=600)


class Feedback(Spec):
    """How a hidden score is shown; `ladder` is Blum & Hardt 2015 (arXiv 1502.04585)."""

    mode: Literal["rounded", "ladder"] = "rounded"
    step: float = Field(0.02, gt=0, le=0.25)


class TokenBudget(Spec):
    """The factor by which tokens lower a score.

    It is 1 up to `free` tokens, 0 from `zero` tokens on, and lies on a straight line between them. The tokens
    are those of what all rows share: instructions, examples, and what a row template of the learner's own puts around
    each row.
    """

    free: int = Field(ge=0, le=4096)
    zero: int = Field(ge=1, le=8192)

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.zero <= self.free:
            raise KeyFault("zero must be above free", "raise zero, or lower free", "zero")
        return self

    def factor(self, tokens: int) -> float:
        return min(1.0, max(0.0, (self.zero - tokens) / (self.zero - self.free)))


class Metric(Spec):
    """The metric whose value is the score.

    With `orders`, the score is the lowest value of so many orders of the learner's examples. With `tokens`, it is
    multiplied by the budget's factor. Both are left out of a dump where they are not used, because they came later than
    the format.
    """

    name: str
    orders: int = Field(1, ge=1, le=5, exclude_if=lambda count: count == 1)
    tokens: TokenBudget | None = Field(None, exclude_if=lambda budget: budget is None)


class BaselineRef(Spec):
    """A real submission in `file` and the hidden score that it must get; with neither bound it is only measured."""

    file: Annotated[str, StringConstraints(pattern=BASELINE)]
    min: Share | None = None
    max: Share | None = None

    def missed(self, score: float | None) -> str:
        """In words, why a score is outside of the bounds; empty where it is within them."""
        if score is None:
            return "no score"
        if self.min is not None and score < self.min:
            return f"below its min of {self.min:.2f}"
        if self.max is not None and score > self.max:
            return f"above its max of {self.max:.2f}"
        return ""


class Keys(Spec):
    """The keys of `challenge.yaml` that belong to one kind. A kind without keys of its own has none of these."""


class KindRules(Protocol):
    """What a kind decides about `challenge.yaml`. `challenges.kinds.base.Kind`, which builds on the format, has all."""

    name: str
    keys: type[Keys] | None
    is_alone: bool
    needs_model: bool


def kinds_named_in(data: dict[Any, Any]) -> Iterator[str]:
    """The known kinds that an unchecked `challenge.yaml` names in `kind` and `also`, each once."""
    also = data.get("also")
    wanted = [data.get("kind"), *(also if isinstance(also, list | tuple) else ())]
    return (name for name in kind_names() if name in wanted)


class Challenge(Spec):
    """`challenge.yaml`. `kind` is the kind of submission that passing asks for; `also` names other tracks, which are
    graded on the same hidden set.

    A kind may add keys of its own, which `keys` holds by the kind's name. They stand beside the others in the file.
    """

    schema_: Literal[1] = Field(alias="schema", description="The version of the format: 1")
    id: Slug = Field(description="The id, which the folder has as its name: lower-case words joined by -")
    version: Version = Field(description="major.minor.patch; a number stands for one content")
    kind: KindName = Field(description="What learners must pass")
    also: tuple[KindName, ...] = Field((), description="Other tracks on the same hidden rows, not needed to pass")
    title: Text = Field(description="The title that learners see")
    summary: str = Field("", description="One or two sentences about the task")
    minutes: int = Field(15, ge=1, le=240, description="How long a learner needs, roughly")
    model: str | None = Field(None, description="The base model, by its name in the catalogue")
    answer: Answer | None = Field(None, description="What the model answers with: a label, a JSON object or a text")
    prompt: Prompt = Field(Prompt(), description="The prompt with which a learner starts, and how a row is written")
    metric: Metric = Field(Metric(name="accuracy"), description="The metric whose value is the score")
    public_metrics: tuple[str, ...] = Field((), description="Other metrics of the hidden rows that learners see")
    pass_: Share = Field(alias="pass", description="The score with which a learner passes, from 0 to 1")
    gold: Share | None = Field(None, description="The score of the gold mark, from 0 to 1")
    track_gold: dict[KindName, Share] = Field(
        {},
        exclude_if=lambda marks: not marks,
        description="The gold marks of other tracks: a fine-tuned model reaches higher scores than a prompt",
    )
    limits: Limits = Field(Limits(), description="How many submissions, and how large")
    feedback: Feedback = Field(Feedback(), description="How a hidden score is shown")
    hints: tuple[Text, Text, Text] = Field(description="Three hints, which learners take in this order")
    baselines: tuple[BaselineRef, ...] = Field(
        min_length=2, description="Real submissions and the scores that they must get: at least a weak and a good one"
    )
    _keys: dict[str, Keys] = PrivateAttr(default_factory=dict)

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    @property
    def tracks(self) -> tuple[str, ...]:
        """Every kind of submission that is accepted, the one that passes first."""
        return (self.kind, *(kind for kind in self.also if kind != self.kind))

    def gold_of(self, track: str) -> float | None:
        """The gold mark of a track: its own in `track_gold`, else the challenge's."""
        return self.track_gold.get(track, self.gold)

    def keys_of(self, kind: str) -> Keys | None:
        """The keys that belong to `kind`, or None where the challenge does not accept that kind."""
        return self._keys.get(kind)

    def with_keys(self, kind: str, keys: Keys) -> Self:
        """A copy with other keys of one kind."""
        changed = self.model_copy()
        changed._keys = {**self._keys, kind: keys}
        return changed

    @model_validator(mode="wrap")
    @classmethod
    def _with_the_keys_of_its_kinds(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict):
            return handler(data)
        own, keys, errors = _split(data)
        challenge = None
        try:
            challenge = handler(own)
        except ValidationError as error:
            errors = [*error.errors(), *errors]
        if challenge is None or errors:
            raise ValidationError.from_exception_data(cls.__name__, [_again(error) for error in errors])
        challenge._keys = keys
        return challenge

    @model_validator(mode="after")
    def _complete(self) -> Self:
        rules: list[KindRules] = [load_kind(name) for name in self.tracks]
        for kind in rules:
            if kind.is_alone and len(rules) > 1:
                raise KeyFault(f"a {kind.name} challenge has no other track", "remove `also`", "also")
            if kind.needs_model and not (self.model and self.answer):
                missing = " and ".join(name for name in ("model", "answer") if not getattr(self, name))
                raise KeyFault(f"a {kind.name} challenge needs {missing}", f"add {missing}", "kind")
        if self.gold is not None and self.gold < self.pass_:
            raise KeyFault(f"gold is {self.gold:g}, below pass ({self.pass_:g})", "raise gold, or lower pass", "gold")
        for name, mark in self.track_gold.items():
            place = ("track_gold", name)
            if mark < self.pass_:
                raise KeyFault(f"the gold mark of {name} is below pass", "raise it, or lower pass", *place)
            if name not in self.also:
                fix = "name only tracks that stand in `also`"
                raise KeyFault(f"track_gold names {name}, which is no track of this challenge", fix, *place)
        return self

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        flat: dict[str, Any] = handler(self)
        for keys in self._keys.values():
            flat |= keys.model_dump(mode="json", by_alias=True)
        return flat


def _split(data: dict[Any, Any]) -> tuple[dict[Any, Any], dict[str, Keys], list[ErrorDetails]]:
    """The challenge's common keys, the keys of each of its kinds, and what is wrong with those."""
    own, by_kind, errors = dict(data), dict[str, Keys](), list[ErrorDetails]()
    rules: list[KindRules] = [load_kind(name) for name in kinds_named_in(data)]
    for kind in rules:
        if kind.keys is None:
            continue
        names = {field.alias or name for name, field in kind.keys.model_fields.items()}
        try:
            by_kind[kind.name] = kind.keys.model_validate({key: own.pop(key) for key in list(own) if key in names})
        except ValidationError as error:
            errors += error.errors()
    return own, by_kind, errors


def _again(error: ErrorDetails) -> InitErrorDetails:
    return InitErrorDetails(type=error["type"], loc=error["loc"], input=error["input"], ctx=error.get("ctx", {}))


def keys_of_kinds() -> dict[str, FieldInfo]:
    """The keys that kinds add to `challenge.yaml`, with what their models say of them."""
    rules: list[KindRules] = [load_kind(name) for name in kind_names()]
    return {field.alias or name: field for kind in rules if kind.keys for name, field in kind.keys.model_fields.items()}


def known_keys() -> set[str]:
    """The keys of all YAML files, those of the kinds included: each model of the format adds its own."""
    for name in kind_names():
        load_kind(name)
    return {field.alias or name for model in _models(Spec) for name, field in model.model_fields.items()}


def _models(base: type[Spec]) -> Iterator[type[Spec]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)
