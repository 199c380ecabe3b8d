"""What an author writes, as pydantic models. The format is documented in `docs/bundle.md`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=20)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(min_length=1)]
# As long as the columns of titles.
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Spec(BaseModel):
    """Closed and immutable: an unknown key is an author's typo, so it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(StrEnum):
    PROMPT = "prompt"
    LORA = "lora"
    FREE_TEXT = "free_text"


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


class Metric(Spec):
    name: str


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


class Lora(Spec):
    rows_max: int = Field(500, ge=1, le=2000)
    row_tokens_max: int = Field(256, ge=8, le=512)
    tokens_max: int = Field(150_000, ge=1000, le=2_000_000)
    steps_max: int = Field(500, ge=1, le=500)
    knobs: Knobs = Knobs()
    fixed: Fixed = Fixed()
    seconds: int = Field(600, ge=10, le=600)


class Criterion(Spec):
    """One thing a good answer does. `text` and the phrases are for graders; learners see `label`."""

    id: Slug
    points: int = Field(ge=1, le=100)
    label: Text
    text: Text
    kind: Literal["must_mention", "must_not_claim", "quality"] = "must_mention"
    partial: Literal["none", "half"] = "none"
    improve: str = ""
    accept: tuple[Text, ...] = ()
    reject: tuple[Text, ...] = ()


def _optional(default: float) -> Any:
    """A key that came later: left out of the dump where it keeps its default, so that digests stay what they are."""
    return Field(default, exclude_if=lambda value: value == default)


class Gate(Spec):
    """What a judge must reach on the author's answers before its grades of a question can be final.

    `agreement` and `qwk` with people's marks and scores, at least; `bias` (signed error of the score, as a share of
    all points) and `attack_success`, at most. Below `confidence` (0 to 100) one call is not enough.
    """

    agreement: Share = 0.90
    attack_success: Share = 0.02
    qwk: Share = _optional(0.75)
    bias: Share = _optional(0.05)
    confidence: Annotated[int, Field(ge=0, le=100)] = _optional(70)


class BaselineRef(Spec):
    """A real submission in `file` and the hidden score that it must get; with neither bound it is only measured."""

    file: Annotated[str, StringConstraints(pattern=r"^baselines/[A-Za-z0-9._-]+\.yaml$")]
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


class Challenge(Spec):
    """`challenge.yaml`. `kind` is what passing asks for, `also` other tracks on the same hidden set."""

    schema_: Literal[1] = Field(alias="schema")
    id: Slug
    version: Version
    kind: Kind
    also: tuple[Kind, ...] = ()
    title: Text
    summary: str = ""
    minutes: int = Field(15, ge=1, le=240)
    model: str | None = None
    answer: Answer | None = None
    prompt: Prompt = Prompt()
    lora: Lora | None = None
    metric: Metric = Metric(name="accuracy")
    public_metrics: tuple[str, ...] = ()
    pass_: Share = Field(alias="pass")
    gold: Share | None = None
    # Marks of the other tracks, which reach further: a training run is no match for a prompt.
    track_gold: dict[Kind, Share] = Field({}, exclude_if=lambda marks: not marks)
    limits: Limits = Limits()
    feedback: Feedback = Feedback()
    hints: tuple[Text, Text, Text]
    baselines: tuple[BaselineRef, ...] = Field(min_length=2)
    question: str | None = None
    model_answer: str | None = None
    words: tuple[int, int] = (30, 250)
    rubric: tuple[Criterion, ...] = ()
    gate: Gate = Gate()

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    @property
    def tracks(self) -> tuple[Kind, ...]:
        """Every kind of submission that is taken, the one that passes first."""
        return (self.kind, *(kind for kind in self.also if kind != self.kind))

    def gold_of(self, track: str) -> float | None:
        """The gold mark of a track: its own in `track_gold`, else the challenge's."""
        return self.track_gold.get(Kind(track), self.gold)

    @model_validator(mode="after")
    def _complete(self) -> Challenge:
        if Kind.FREE_TEXT in self.tracks:
            if len(self.tracks) > 1:
                raise ValueError("a free_text challenge has no other track")
            if not (self.question and self.model_answer and self.rubric):
                raise ValueError("a free_text challenge needs question, model_answer and rubric")
        elif not (self.model and self.answer):
            raise ValueError(f"a {self.kind} challenge needs model and answer")
        if Kind.LORA in self.tracks and self.lora is None:
            raise ValueError("a challenge with a lora track needs the lora section")
        if any(mark is not None and mark < self.pass_ for mark in (self.gold, *self.track_gold.values())):
            raise ValueError("gold must not be below pass")
        if stray := [kind.value for kind in self.track_gold if kind not in self.also]:
            raise ValueError(f"track_gold names {', '.join(stray)}: name only tracks that stand in `also`")
        return self


class Sample(Spec):
    """One row. `target` is a label, a text, or an object for `json` answers."""

    id: str = Field(min_length=1, max_length=64)
    input: Text
    target: str | dict[str, str]
    split: Literal["public", "private"] = "public"


class TrainRow(Spec):
    """One training row after reading; the accepted shapes are in `challenges.rows`."""

    input: Text
    output: Text


class GoldAnswer(Spec):
    """An answer marked by the author; roles are disjoint."""

    answer: str
    marks: dict[str, Literal["met", "partial", "not_met"]]
    role: Literal["prompt", "calibration", "test"]


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
    """Rules and weights as data; `gradus.learn.advisor` adds them up."""

    intro: str = ""
    combine_within: float = Field(1.0, ge=0)
    approaches: tuple[Approach, ...] = Field(min_length=2)
    questions: tuple[AdvisorQuestion, ...] = Field(min_length=1)


class Related(Spec):
    """An author's condition under which a neighbouring label would be right instead."""

    label: Text
    condition: Text


class Demo(Spec):
    """Zero-shot, few-shot and fine-tuned answers of one model to one input."""

    title: Text
    challenge: Slug
    notice: str = ""
    explanation: Text
    chips: tuple[Text, ...] = Field(min_length=1)
    input_chars: int = Field(600, ge=1, le=4000)
    zero_shot: str
    few_shot: str
    adapter: str
    hedge_within: Share = 0.10
    abstain_below: Share = 0.35
    related: dict[str, tuple[Related, ...]] = {}


class Figure(Spec):
    """A number that the lesson states. Without a source it is a rule of thumb."""

    claim: Text
    source: str = ""
    measured: str = ""
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""


class Lesson(Spec):
    title: Title
    summary: Text
    minutes: int = Field(ge=1, le=480)
    requires: tuple[Slug, ...] = ()
    challenges: tuple[Slug, Slug, Slug]
    faq: tuple[Question, ...] = ()
    advisor: Advisor | None = None
    demo: Demo | None = None
    figures: tuple[Figure, ...] = ()


def dump(model: Spec) -> dict[str, Any]:
    """JSON-ready, with the keys that authors write."""
    return model.model_dump(mode="json", by_alias=True)
