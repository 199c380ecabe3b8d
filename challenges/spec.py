"""What an author writes, as pydantic models. The format is documented in `docs/bundle.md`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    StringConstraints,
    Tag,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails

from challenges import kinds

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
KindName = Annotated[str, AfterValidator(kinds.known_name)]


class Spec(BaseModel):
    """Closed and immutable: an unknown key is an author's typo, so it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(Spec):
    """A label read by log-likelihood (`score`) or from greedy text (`generate`).

    `calibrate` divides by the label's probability on content-free inputs (`contextual`, Zhao et al. 2021) or by its
    mean over the first public samples (`batch`, Zhou et al. 2023, arXiv 2309.17249).
    """

    type: Literal["label"]
    labels: tuple[Text, ...] = Field(min_length=2, max_length=50)
    decode: Literal["score", "generate"] = "score"
    calibrate: Literal["none", "contextual", "batch"] = "none"
    max_new_tokens: int = Field(16, ge=1, le=128)


class Json(Spec):
    """A flat JSON object: a field is a list of allowed values, or free text (`string`).

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
    """Greedy text, compared as a whole."""

    type: Literal["text"]
    max_new_tokens: int = Field(64, ge=1, le=128)


Answer = Annotated[Label | Json | FreeForm, Field(discriminator="type")]


class Prompt(Spec):
    """Where a learner's prompt starts. Placeholders are `{input}` and `{output}` only."""

    style: Literal["completion", "chat"] = "completion"
    instructions: str = ""
    example: str = "Input: {input}\nOutput: {output}"
    join: str = "\n\n"
    locked: bool = False


class Limits(Spec):
    """Defaults are the site's ceilings; an author may lower them."""

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
    """A factor of the score: 1 up to `free` tokens, 0 from `zero` tokens on, and on a straight line between them.

    The tokens are those of the part that all rows share: instructions and examples.
    """

    free: int = Field(ge=0, le=4096)
    zero: int = Field(ge=1, le=8192)

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.zero <= self.free:
            raise ValueError("zero must be above free")
        return self

    def factor(self, tokens: int) -> float:
        return min(1.0, max(0.0, (self.zero - tokens) / (self.zero - self.free)))


class Metric(Spec):
    """`orders`: the score is the lowest of so many orders of the learner's examples. `tokens`: it is multiplied by the
    budget's factor. Both are left out of a dump where they are not used, because they came later than the format.
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


class Challenge(Spec):
    """`challenge.yaml`. `kind` is the kind of submission that passing asks for; `also` names other tracks, which are
    graded on the same hidden set.

    A kind may add keys of its own, which `keys` holds by the kind's name. They stand beside the others in the file.
    """

    schema_: Literal[1] = Field(alias="schema")
    id: Slug
    version: Version
    kind: KindName
    also: tuple[KindName, ...] = ()
    title: Text
    summary: str = ""
    minutes: int = Field(15, ge=1, le=240)
    model: str | None = None
    answer: Answer | None = None
    prompt: Prompt = Prompt()
    metric: Metric = Metric(name="accuracy")
    public_metrics: tuple[str, ...] = ()
    pass_: Share = Field(alias="pass")
    gold: Share | None = None
    # The gold marks of other tracks: a fine-tuned model reaches higher scores than a prompt.
    track_gold: dict[KindName, Share] = Field({}, exclude_if=lambda marks: not marks)
    limits: Limits = Limits()
    feedback: Feedback = Feedback()
    hints: tuple[Text, Text, Text]
    baselines: tuple[BaselineRef, ...] = Field(min_length=2)
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
        tracks = [kinds.find(name) for name in self.tracks]
        for kind in tracks:
            if kind.is_alone and len(tracks) > 1:
                raise ValueError(f"a {kind.name} challenge has no other track")
            if kind.needs_model and not (self.model and self.answer):
                raise ValueError(f"a {kind.name} challenge needs model and answer")
        if any(mark is not None and mark < self.pass_ for mark in (self.gold, *self.track_gold.values())):
            raise ValueError("gold must not be below pass")
        if stray := [kind for kind in self.track_gold if kind not in self.also]:
            raise ValueError(f"track_gold names {', '.join(stray)}: name only tracks that stand in `also`")
        return self

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        flat: dict[str, Any] = handler(self)
        for keys in self._keys.values():
            flat |= keys.model_dump(mode="json", by_alias=True)
        return flat


def _split(data: dict[Any, Any]) -> tuple[dict[Any, Any], dict[str, Keys], list[ErrorDetails]]:
    """The challenge's common keys, the keys of each of its kinds, and what is wrong with those."""
    own, found, errors = dict(data), dict[str, Keys](), list[ErrorDetails]()
    for kind in kinds.named_in(data):
        if kind.keys is None:
            continue
        names = {field.alias or name for name, field in kind.keys.model_fields.items()}
        try:
            found[kind.name] = kind.keys.model_validate({key: own.pop(key) for key in list(own) if key in names})
        except ValidationError as error:
            errors += error.errors()
    return own, found, errors


def _again(error: ErrorDetails) -> InitErrorDetails:
    return InitErrorDetails(type=error["type"], loc=error["loc"], input=error["input"], ctx=error.get("ctx", {}))


class Required(Spec):
    """A target for texts that the model writes freely: what must be in them, and how many words they may have."""

    must: tuple[Text, ...] = Field(min_length=1, max_length=20)
    words_max: int = Field(ge=1, le=1000)


Target = str | dict[str, str] | Required | Annotated[tuple[Text, ...], Field(min_length=1)]


class Sample(Spec):
    """One row. `target` is a label, a text, an object for `json` answers, several accepted texts, or what it must hold.

    `documents` are the ids of those that hold the answer, where the challenge has a corpus.
    """

    id: str = Field(min_length=1, max_length=64)
    input: Text
    target: Target
    split: Literal["public", "private"] = "public"
    # Left out of a dump while it is empty, because the key came later than the format.
    documents: tuple[Text, ...] = Field((), exclude_if=lambda ids: not ids)


class TrainRow(Spec):
    """One training row after reading; the accepted shapes are in `challenges.files.rows`."""

    input: Text
    output: Text


class PreferenceRow(Spec):
    """Two answers to one prompt, of which a person prefers the first. TRL's names; `input` is read as `prompt`."""

    prompt: Text = Field(validation_alias=AliasChoices("prompt", "input"))
    chosen: Text
    rejected: Text

    @property
    def input(self) -> str:
        return self.prompt

    @property
    def output(self) -> str:
        """What the other training methods learn to write."""
        return self.chosen


AnyRow = TrainRow | PreferenceRow
PAIR, PREFERENCE = "pair", "preference"


def row_shape(row: Any) -> str:
    """Which of the two a row means to be, also where something in it is missing."""
    keys = row.keys() if isinstance(row, dict) else vars(row) if isinstance(row, Spec) else ()
    return PREFERENCE if "chosen" in keys or "rejected" in keys else PAIR


TrainingRow = Annotated[
    Annotated[TrainRow, Tag(PAIR)] | Annotated[PreferenceRow, Tag(PREFERENCE)], Discriminator(row_shape)
]


GoldRole = Literal["prompt", "calibration", "test"]


class GoldAnswer(Spec):
    """An answer marked by the author; roles are disjoint."""

    answer: str
    marks: dict[str, Literal["met", "partial", "not_met"]]
    role: GoldRole

    @property
    def is_example(self) -> bool:
        """Whether the judge is shown the answer with its marks, so that it must not be measured on it."""
        return self.role == "prompt"


class Attack(Spec):
    """An answer that must not earn more than `max_score`."""

    answer: str
    category: str
    max_score: Share = 0.0


class Benign(Spec):
    """An honest answer that looks like an attack, with the marks that a person gives it."""

    answer: str
    marks: dict[str, Literal["met", "partial", "not_met"]]
    category: str


class Question(Spec):
    question: Text
    answer: Text


class Course(Spec):
    schema_: Literal[1] = Field(alias="schema")
    id: Slug
    version: Version
    title: Title
    summary: Text
    timezone: str = "UTC"
    lessons: tuple[Slug, ...] = Field(min_length=1)

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


class Choice(Spec):
    """One answer to an advisor question; `weights` add to approaches, `because` says why."""

    id: Slug
    label: Text
    weights: dict[str, float] = {}
    because: dict[str, Text] = {}
    excludes: tuple[str, ...] = ()


class AdvisorQuestion(Spec):
    id: Slug
    text: Text
    help: str = ""
    choices: tuple[Choice, ...] = Field(min_length=2)


class Approach(Spec):
    """Something the advisor may recommend; `cheaper` names what to exhaust first."""

    id: Slug
    title: Text
    summary: Text
    first_step: Text
    start: float = 0.0
    cheaper: tuple[Slug, ...] = ()
    combines_with: tuple[Slug, ...] = ()


class Advisor(Spec):
    """Rules and weights as data; `gradus.learn.lesson.advisor` adds them up."""

    intro: str = ""
    combine_within: float = Field(1.0, ge=0)
    approaches: tuple[Approach, ...] = Field(min_length=2)
    questions: tuple[AdvisorQuestion, ...] = Field(min_length=1)


class Related(Spec):
    """An author's condition under which a neighbouring label would be right instead."""

    label: Text
    condition: Text


class Demo(Spec):
    """Zero-shot, few-shot and fine-tuned answers of one model to one input.

    The adapter is trained on the rows of the challenge's first fine-tuning baseline and on `extra_rows`; `temperature`
    calibrates its probabilities. `gradus challenge demo` trains the one and fits the other.
    """

    title: Text
    challenge: Slug
    notice: str = ""
    explanation: Text
    chips: tuple[Text, ...] = Field(min_length=1)
    input_chars: int = Field(600, ge=1, le=4000)
    zero_shot: str
    few_shot: str
    adapter: str
    extra_rows: str = ""
    trained_on: str = ""
    temperature: float = Field(1.0, gt=0, le=10)
    hedge_within: Share = 0.10
    abstain_below: Share = 0.35
    related: dict[str, tuple[Related, ...]] = {}


class Retriever(Spec):
    """Something to try: what a search by words, by vectors and by both finds for a reader's own question.

    The documents are those of a challenge of the kind `rag`, cut into passages of `chunk_words` words.
    """

    title: Title
    challenge: Slug
    chips: tuple[Text, ...] = Field(min_length=1)
    explanation: Text
    input_chars: int = Field(300, ge=1, le=4000)
    chunk_words: int = Field(80, ge=1, le=1000)
    top_k: int = Field(3, ge=1, le=8)


class Figure(Spec):
    """A number that the lesson states. Without a source it is a rule of thumb."""

    claim: Text
    source: str = ""
    measured: str = ""
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""


class Option(Spec):
    """One answer that can be chosen. `because` explains why it is right, or what it overlooks."""

    text: Text
    because: Text
    right: bool = False


class ChoiceQuestion(Spec):
    """A question with one right option."""

    id: Slug
    question: Text
    options: tuple[Option, ...] = Field(min_length=2, max_length=6)

    @model_validator(mode="after")
    def _one_is_right(self) -> Self:
        if sum(option.right for option in self.options) != 1:
            raise ValueError("write `right: true` at exactly one option")
        if len({option.text for option in self.options}) < len(self.options):
            raise ValueError("two options have the same text: change one of them")
        return self

    @property
    def right(self) -> int:
        """The place of the right option, from 0."""
        return next(place for place, option in enumerate(self.options) if option.right)


class Questions(Spec):
    """What a lesson asks. `check` stands in the text; `before` and `after` measure what was learned.

    The questions of `after` are of the same kind as those of `before`, with other content.
    """

    check: tuple[ChoiceQuestion, ...] = ()
    before: tuple[ChoiceQuestion, ...] = ()
    after: tuple[ChoiceQuestion, ...] = ()

    @property
    def every(self) -> tuple[ChoiceQuestion, ...]:
        return (*self.check, *self.before, *self.after)


class Lesson(Spec):
    title: Title
    summary: Text
    minutes: int = Field(ge=1, le=480)
    requires: tuple[Slug, ...] = ()
    challenges: tuple[Slug, ...] = Field(min_length=1, max_length=12)
    faq: tuple[Question, ...] = ()
    advisor: Advisor | None = None
    demo: Demo | None = None
    retriever: Retriever | None = Field(None, exclude_if=lambda given: given is None)
    figures: tuple[Figure, ...] = ()
    questions: Questions = Field(Questions(), exclude_if=lambda asked: not asked.every)


def dump(model: Spec) -> dict[str, Any]:
    """JSON-ready, with the keys that authors write."""
    return model.model_dump(mode="json", by_alias=True)
