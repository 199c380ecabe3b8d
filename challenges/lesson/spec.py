"""What an author writes for a course and its lessons, as pydantic models: `course.yaml` and `lesson.yaml`.

The format is documented in `docs/bundle.md`.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from challenges.spec import KeyFault, Share, Slug, Spec, Text, Title, Version


class Course(Spec):
    schema_: Literal[1] = Field(alias="schema", description="The version of the format: 1")
    id: Slug = Field(description="The id, which is unique on a site: lower-case words joined by -")
    version: Version = Field(description="major.minor.patch")
    title: Title = Field(description="The title that learners see")
    summary: Text = Field(description="One or two sentences about the course")
    timezone: str = Field("UTC", description="Where the day of a daily quota begins, such as Europe/Berlin")
    # Left out of a dump while it is off: it came later than the format, and stored courses keep their digests.
    all_attempts_wait: bool = Field(
        False,
        exclude_if=lambda on: not on,
        description="Whether all answers in free text of a learner wait for a person, and not only the latest one",
    )
    lessons: tuple[Slug, ...] = Field(min_length=1, description="The ids of the lessons, in order")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


class Question(Spec):
    question: Text
    answer: Text


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
            count = sum(option.right for option in self.options)
            raise KeyFault(f"{count} of its options are right", "write `right: true` at exactly one option", "options")
        if len({option.text for option in self.options}) < len(self.options):
            raise KeyFault("two options have the same text", "change one of them", "options")
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
    title: Title = Field(description="The title that learners see")
    summary: Text = Field(description="One sentence about the lesson, for the course's page")
    minutes: int = Field(ge=1, le=480, description="How long reading takes, roughly, without the challenges")
    # Left out of a dump while it is off: it came later than the format, and stored lessons keep their digests.
    steps: bool = Field(
        False,
        exclude_if=lambda on: not on,
        description="Whether each heading of level 2 in lesson.md begins a step, which is a screen of its own",
    )
    requires: tuple[Slug, ...] = Field((), description="The ids of lessons that this one builds on")
    challenges: tuple[Slug, ...] = Field(min_length=1, max_length=12, description="The ids of challenges, in order")
    faq: tuple[Question, ...] = Field((), description="Questions that readers ask often, with their answers")
    advisor: Advisor | None = Field(None, description="Questions by which readers find the approach for their case")
    demo: Demo | None = Field(None, description="Answers of a model without examples, with examples and trained")
    retriever: Retriever | None = Field(
        None, exclude_if=lambda given: given is None, description="A search in the documents of a challenge, to try"
    )
    figures: tuple[Figure, ...] = Field((), description="Numbers that the text states, with their sources")
    questions: Questions = Field(
        Questions(),
        exclude_if=lambda asked: not asked.every,
        description="Questions in the text, and before and after the lesson",
    )
