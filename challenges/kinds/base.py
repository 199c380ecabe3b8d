"""What a kind of challenge is. Each kind describes itself in one module of this package, or of another package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from challenges.field_checks import FieldProblem
from challenges.files.source import Source
from challenges.files.yaml_lines import Located
from challenges.models.token_counts import CountTokens
from challenges.payloads import Submitted
from challenges.prompts import accepted_texts
from challenges.rows import AnyRow, GoldAnswer, Sample
from challenges.spec import Challenge, Keys
from challenges.translation import gettext, gettext_noop

# The limit of a run on public samples where nothing is trained, in seconds of work.
TRIAL_SECONDS = 180.0
# By the wall clock a job may take so many times its limit, because a busy machine does little work in a second.
WALL_FACTOR = 3


class Lane(StrEnum):
    """What a worker claims its jobs from; also the name of the Celery queue that wakes it."""

    INTERACTIVE = "interactive"
    GRADE = "grade"
    JUDGE = "judge"
    TRAIN = "train"


@dataclass(frozen=True)
class TokenUse:
    """Tokens that a payload uses, of those that the challenge allows."""

    used: int
    allowed: int

    @property
    def is_over(self) -> bool:
        return self.used > self.allowed

    def problems(self, examples: Sequence[object]) -> Iterator[FieldProblem]:
        """Yields a problem if they together use too many, beside the examples if there are any."""
        if self.is_over:
            message = gettext(
                "Instructions, examples and an own template have %(count)s tokens; %(most)s are allowed. Shorten them."
            )
            message %= {"count": f"{self.used:,}", "most": f"{self.allowed:,}"}
            yield FieldProblem("too_many_tokens", "examples" if examples else "instructions", message)


@dataclass(frozen=True)
class Item:
    """A hidden row, or whatever else a score is computed from: its text, and the right answer to it.

    `parts` are what answers to it are lists of, as far as they are right; empty where an answer is one whole.
    """

    id: str
    text: str
    expected: str
    parts: tuple[str, ...] = ()


class Kind:
    """One kind of challenge: what is submitted, how it is checked, where it is graded, and how people call it.

    A kind is a subclass with one instance, `KIND`. The attributes without a value must be set; the methods may be
    replaced. Texts that people read are marked as `challenges.translation` says.
    """

    name: ClassVar[str]
    """As in `challenge.yaml` and payloads: lower-case letters and `_`."""
    title: ClassVar[str]
    """On badges and tabs, such as "Prompt"."""
    noun: ClassVar[str]
    """What is submitted, with its article, such as "a prompt"."""
    payload: ClassVar[type[Submitted]]
    """The payload's model. Its field `kind` is the literal `name`."""

    icon: ClassVar[str] = "pencil"
    """A symbol of `static/img/icons.svg`."""
    run_label: ClassVar[str] = gettext_noop("Run")
    """On the button that starts a run on public samples."""
    run_help: ClassVar[str] = ""
    """A sentence for the form that says what a run does; empty if it answers the public samples."""
    stages: ClassVar[Mapping[str, str]] = {}
    """The names that learners read for stages of grading, by the `stage` of a work item; others have a general name."""
    keys: ClassVar[type[Keys] | None] = None
    """The keys of `challenge.yaml` that belong to this kind."""
    lane: ClassVar[Lane] = Lane.GRADE
    """Where submissions are graded. Runs on public samples always go to the interactive lane."""
    needed_files: ClassVar[frozenset[str]] = frozenset({"public.jsonl", "hidden.jsonl"})
    """Files of rows that the challenge's folder must have."""
    needs_model: ClassVar[bool] = True
    """Whether a challenge names a base model and the form of an answer. `asks_model` says whether it is asked."""
    has_costs: ClassVar[bool] = True
    """Whether tokens and milliseconds are measured for each request to the model, and shown on the leaderboard."""
    is_alone: ClassVar[bool] = False
    """Whether a challenge of this kind accepts no other kind beside it."""
    is_judged: ClassVar[bool] = False
    """Whether criteria are marked, by a judge or by a person: such grades can be reviewed and appealed against."""
    is_trained: ClassVar[bool] = False
    """Whether grading trains a model, so that a training seed makes a repetition."""
    approaches: ClassVar[Mapping[str, str]] = {}
    """Titles of the approaches that are compared with those of other kinds, by name, from the plainest on."""
    counted: ClassVar[str] = gettext_noop("Instructions, examples and an own template")
    """The words before the number of tokens that count against the challenge's limit."""
    text_field: ClassVar[str] = ""
    """The payload's field that a plain text file fills on the command line; empty where there is none."""
    rows_field: ClassVar[str] = ""
    """The payload's field with the rows of inputs and outputs that a learner hands in; empty if there is none."""
    has_documents: ClassVar[bool] = False
    """Whether answers are looked up in documents, whose ids the rows name."""
    draws_examples: ClassVar[bool] = False
    """True if an arm of a finding may draw the payload's `examples` at random from the training rows."""
    has_take_home: ClassVar[bool] = False
    """True if a trained model's zip contains a README and scripts, which read the payload as one of kind `tune`."""
    lint: ClassVar[str] = ""
    """Dotted path, as `package.module:function`, of what adds the problems of the kind's own keys and files to a
    `challenges.lint.subject.Subject`; empty where there is nothing to check. It is imported when something is linted.
    """
    scaffold: ClassVar[str] = ""
    """Dotted path, as `package.module:attribute`, of the `challenges.scaffold.base.Scaffold` with which a challenge of
    the kind begins; empty where `gradus challenge new` cannot begin one.
    """
    file_keys: ClassVar[frozenset[str]] = frozenset()
    """The kind's own keys whose value in `challenge.yaml` may name a file or a folder; `read_files` reads those."""
    packages: ClassVar[tuple[str, ...]] = ()
    """What a worker must be able to import to grade this kind, beside what every kind needs."""

    def allowed(self, challenge: Challenge) -> Sequence[str]:
        """The text of the challenge's badge: the title of this kind, or the titles of the methods that it allows."""
        return (self.title,)

    def title_of(self, payload: Mapping[str, Any]) -> str:
        """What was submitted, as its badge names it. The payload is as it is stored."""
        return self.title

    def read_files(self, source: Source, rel: str, located: Located) -> dict[str, Any]:
        """The kind's own keys whose values stand in other files of the challenge's folder `rel`, as they are there."""
        return {}

    @property
    def has_examples(self) -> bool:
        """Whether learners give examples, whose order can matter."""
        return "examples" in self.payload.model_fields

    @property
    def has_samples(self) -> bool:
        """Whether submissions are graded on rows, of which the public ones are shown."""
        return "hidden.jsonl" in self.needed_files

    def asks_model(self, challenge: Challenge) -> bool:
        """Returns True if a base model has to answer the rows, because a metric needs its answers."""
        return self.needs_model

    def measures_costs(self, challenge: Challenge) -> bool:
        """Returns True if tokens and milliseconds of a request are measured in this challenge."""
        return self.has_costs and self.asks_model(challenge)

    def expected(self, challenge: Challenge, sample: Sample) -> Sequence[str]:
        """Returns the accepted answers of a public sample as texts."""
        return accepted_texts(sample.target)

    def items(self, challenge: Challenge, hidden: Sequence[Sample]) -> Sequence[Item]:
        """Returns what a score is computed from, in a fixed order, with the ids of the grades: the hidden rows."""
        return [Item(one.id, one.input, " / ".join(self.expected(challenge, one))) for one in hidden]

    def came_to(self, challenge: Challenge, sample: Sample, row: Mapping[str, Any]) -> str:
        """Returns the result of a public sample on one line. `row` is its stored `graders.base.GradedSample`."""
        return str(row["output"])

    def is_scored_by_rows(self, challenge: Challenge) -> bool:
        """Whether the metric of rows alone is the score, so that findings can measure it."""
        return self.has_samples

    def check(self, challenge: Challenge, payload: Any) -> Iterator[FieldProblem]:
        """What is wrong with a payload of this kind, apart from its length in tokens."""
        return iter(())

    def check_public(self, challenge: Challenge, payload: Any, public: Sequence[Sample]) -> Iterator[FieldProblem]:
        """Yields a problem for each part of a payload that repeats a public sample. Most kinds allow that."""
        return iter(())

    def limit(self, challenge: Challenge, payload: Mapping[str, Any], field: str) -> str:
        """A sentence that says which numbers the challenge allows in a field of a payload as it was sent.

        Empty where the challenge does not narrow the bounds of the payload's model.
        """
        return ""

    def check_tokens(self, challenge: Challenge, payload: Any, count_tokens: CountTokens) -> Iterator[FieldProblem]:
        """Which limits in tokens a payload exceeds. It is called where `check` found nothing wrong."""
        return iter(())

    def check_submission(self, challenge: Challenge, payload: Any) -> Iterator[FieldProblem]:
        """Why a payload that can be run on public samples cannot be submitted."""
        return iter(())

    def tokens(self, challenge: Challenge, payload: Any, count_tokens: CountTokens) -> TokenUse | None:
        """How much of the challenge's limit in tokens a payload uses; None where the kind has no such limit.

        It is called where `check` found nothing wrong.
        """
        return None

    def seconds(self, challenge: Challenge) -> int:
        """The limit of grading a submission, in seconds of work."""
        return challenge.limits.seconds

    def trial_seconds(self, challenge: Challenge, payload: Any) -> float:
        """The limit of a run on public samples, in seconds of work, whatever the challenge allows a submission."""
        return TRIAL_SECONDS

    def seed(self, challenge: Challenge) -> int:
        """The seed of a training run; 0 where nothing is trained."""
        return 0

    def with_seed(self, challenge: Challenge, seed: int) -> Challenge:
        """The challenge with another training seed; itself where nothing is trained."""
        return challenge

    def inputs(self, payload: Any) -> Sequence[str]:
        """The inputs of rows that a payload brings along, such as its examples; no hidden row may be among them."""
        return ()

    def prose(self, payload: Any) -> str:
        """The longest free text of a payload, in which a hidden text may have been copied."""
        return ""

    def marked_text(self, payload: Any) -> str:
        """Everything of a payload that a marker reads, as one text: equal texts deserve equal marks."""
        return self.prose(payload)

    def secrets(self, hidden: Sequence[Sample], gold: Sequence[GoldAnswer]) -> Sequence[str]:
        """The texts that a payload should not contain: the inputs of the hidden rows."""
        return [sample.input for sample in hidden]

    def approach(self, payload: Any) -> str:
        """The name under which results of such a payload are compared with those of other approaches."""
        return self.name

    def needs(self, challenge: Challenge) -> Mapping[str, str]:
        """What a worker must be able to do, by the payload's `method`, under the name by which workers say what they
        lack. Empty where every worker can do all.
        """
        return {}

    def parts(self, challenge: Challenge, payload: Any) -> Mapping[str, object]:
        """What the model is given, by the names that a finding's claim may vary."""
        return {}

    def label_words(self, payload: Any) -> Mapping[str, str]:
        """The words that the model writes for labels, by label; empty where it writes the labels themselves."""
        return {}

    def own_choices(self, challenge: Challenge, payload: Any) -> Sequence[AnyRow]:
        """The rows of a payload that must be choices which the learner has made; empty where none must be."""
        return ()

    def decides_outputs(self, challenge: Challenge, samples: Sequence[Sample]) -> dict[str, Any]:
        """Returns, as JSON values, what decides outputs besides rows, answer, prompt, payload and base model.

        `samples` are the public and hidden rows. It is part of the digest of a finding's record: a change makes records
        stale.
        """
        return {"training": None}

    def stored_arm(self, payload: Submitted) -> dict[str, Any]:
        """What the site keeps of an arm of a finding: its kind alone, unless learners may run it from the page."""
        return payload.model_dump(mode="json", include={"kind"})

    def shown_keys(self, challenge: Challenge) -> dict[str, Any]:
        """What learners may see of the kind's own keys, JSON-ready."""
        return {}
