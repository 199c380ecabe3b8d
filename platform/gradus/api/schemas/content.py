"""Schemas of courses, lessons, the advisor and challenges."""

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field

from challenges.registry import kind_names, known_kind
from challenges.rows import Required


def _names_all_kinds(schema: dict[str, Any]) -> None:
    schema["enum"] = list(kind_names())


Track = Annotated[str, AfterValidator(known_kind), Field(json_schema_extra=_names_all_kinds)]
"""The name of a kind, which may come from another package."""


class LessonBrief(Schema):
    id: str
    title: str
    summary: str
    minutes: int
    challenges: list[str]


class CourseOut(Schema):
    id: str
    title: str
    summary: str
    version: str
    lessons: list[LessonBrief]


class ChallengeStep(Schema):
    """The caller's state in a challenge: `locked`, `open`, `passed` or `gold`."""

    id: str
    title: str
    kind: Track
    state: str
    score: float | None = None
    version: str | None = Field(None, description="The version of the challenge that gave the score")
    provisional: bool = False


class LessonStep(Schema):
    id: str
    title: str
    summary: str
    minutes: int
    state: str
    requires: list[str]
    challenges: list[ChallengeStep]


class PathOut(Schema):
    id: str
    title: str
    passed: int
    total: int
    next: str | None = Field(None, description="The challenge to do next")
    lessons: list[LessonStep]


class AdvisorIn(Schema):
    """The ids of the chosen answers by the question's id. Questions may be left out."""

    answers: dict[str, str]


class AdvisorChoiceOut(Schema):
    id: str
    label: str


class AdvisorQuestionOut(Schema):
    id: str
    text: str
    choices: list[AdvisorChoiceOut]


class PlaygroundOut(Schema):
    """Something to try with a text of one's own: the demo or the search of a lesson."""

    title: str
    notice: str = ""
    examples: list[str]
    input_chars: int


class FaqOut(Schema):
    question: str
    answer: str = Field(description="CommonMark")


class LessonOut(Schema):
    """A lesson's text and what can be tried in it. Findings and questions have calls of their own."""

    id: str
    course: str
    title: str
    summary: str
    minutes: int
    text: str = Field(description="CommonMark, with marks where figures, findings and other parts stand")
    faq: list[FaqOut]
    challenges: list[str]
    advisor: list[AdvisorQuestionOut] = Field(description="The advisor's questions; empty if there is no advisor")
    demo: PlaygroundOut | None = None
    retriever: PlaygroundOut | None = None


class ApproachOut(Schema):
    id: str
    title: str
    summary: str
    first_step: str


class ReasonOut(Schema):
    approach: str
    text: str


class FlipOut(Schema):
    """Another answer to one question that would change the main recommendation."""

    question: str
    choice: str
    instead_of: str
    leads_to: list[str]


class ApproachScore(Schema):
    approach: str
    score: float
    excluded: bool


class AdviceOut(Schema):
    """The main approach, what combines with it, the reasons for and against, and what to try first."""

    recommended: list[ApproachOut]
    reasons: list[ReasonOut]
    against: list[ReasonOut]
    ruled_out: list[ReasonOut]
    would_change: list[FlipOut]
    try_first: list[ApproachOut]
    scores: list[ApproachScore]
    unanswered: list[str]


class SampleOut(Schema):
    """A public sample."""

    id: str
    input: str
    target: str | dict[str, str] | Required | list[str] = Field(description="Of several texts each is right")
    documents: list[str] = Field([], description="The ids of the documents that hold the answer")


class DocumentOut(Schema):
    """A document in which answers are looked up."""

    id: str
    title: str
    text: str


class DocumentsOut(Schema):
    """The documents of a challenge, and those that replace or join them half-way through the hidden samples."""

    documents: list[DocumentOut]
    updates: list[DocumentOut]


class BaseModelOut(Schema):
    """A base model, and which weights are meant. Scores and adapters belong to exactly these."""

    name: str
    title: str
    licence: str
    parameters: int
    context: int = Field(description="In tokens")
    source: str | None = Field(
        None, description="The package, or the hub's name with the revision; nothing for a checkpoint of the site's own"
    )
    digest: str | None = Field(None, description="The SHA-256 of the package or of the checkpoint's file")
    checkpoint: str = Field(description="The identity of the weights, as receipts and findings name it")
    precision: str | None = Field(
        None, description="How finely the weights are stored, such as Q4_1, which is 4-bit values"
    )


class ChallengeOut(Schema):
    id: str
    course: str
    lesson: str
    version: str
    verified: bool = Field(description="Whether this server has checked this version and run its baselines")
    kind: Track
    tracks: list[Track]
    title: str
    summary: str
    minutes: int
    statement: str = Field(description="CommonMark")
    model: str | None = None
    base_model: BaseModelOut | None = Field(None, description="What this site knows about the model")
    answer: dict[str, Any] | None = None
    prompt: dict[str, Any]
    metric: str
    metric_title: str = Field(description="What people call the metric")
    orders: int = Field(1, description="In how many orders examples are tried; the lowest value of the metric counts")
    token_budget: dict[str, int] | None = Field(
        None,
        description="The score is the metric times a factor: 1 up to `free` tokens of instructions and examples, 0 "
        "from `zero` on, and evenly less in between",
    )
    public_metrics: list[str]
    pass_: float = Field(alias="pass")
    gold: float | None = None
    track_gold: dict[str, float] = Field({}, description="Gold marks of other tracks, if they differ from `gold`")
    limits: dict[str, int]
    feedback: dict[str, Any]
    samples: list[SampleOut]
    train: list[dict[str, Any]] = Field(description="Starter rows for training, if the author gives some")
    unavailable: dict[str, dict[str, str]] = Field(
        {}, description="By track, the training methods that no worker can carry out now, each with the reason"
    )
    details: dict[str, dict[str, Any]] = Field(
        description="What a track asks for beside the keys above, by the track's name: the limits and hyperparameters "
        "of a training run, or the question, the length and the criteria of an answer in free text"
    )
    graded_by: Literal["rows", "ai", "person"] = Field(
        description="rows: code computes the score from rows or choices that stay hidden; ai: a judge that has passed "
        "the author's gate on this question; person: a person decides, and grades are provisional until then"
    )
    attempts_left: int
    guest_note: str | None = Field(None, description="How a free-text answer without an account is graded")
    hints_total: int
    hints: list[str] = Field(description="The hints that the caller has taken")
    best: dict[str, float] = Field(description="The caller's best shown score by track, on this version")

    model_config = ConfigDict(populate_by_name=True)
