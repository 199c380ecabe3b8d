"""The grader's contract: a generator that yields work items, gets their results and returns a `Grade`.

A grader holds labels and rules and touches no model, network or database, so it is tested as plain Python by
sending it canned results. `workers.execute` carries the items out.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.payloads import Submitted


class Verdict(StrEnum):
    PASSED = "passed"
    NOT_PASSED = "not_passed"


class Mark(StrEnum):
    MET = "met"
    PARTIAL = "partial"
    NOT_MET = "not_met"
    CANNOT_TELL = "cannot_tell"


# The stage of items about public or content-free inputs only, whose results may be kept from job to job.
CALIBRATE = "calibrate"

# --- work items and their results -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """Log-likelihood of each label as the continuation of each `prompt + suffix`. `adapter`: 'job' or a name.

    `offsets` are what the grader will subtract, by label, before it compares: an engine that looks twice at close
    calls needs them. `exact` asks for fp32 numbers whatever the margin.
    """

    model: str
    prompt: str
    suffixes: tuple[str, ...]
    labels: tuple[str, ...]
    adapter: str | None = None
    stage: str = ""
    offsets: tuple[float, ...] = ()
    exact: bool = False


@dataclass(frozen=True)
class Scored:
    """`logprobs[n][l]`, natural log, summed over the label's tokens; token counts per row; engine seconds."""

    logprobs: list[list[float]]
    prompt_tokens: list[int]
    seconds: float


@dataclass(frozen=True)
class Generate:
    """Greedy continuation of each `prompt + suffix`, until `stop`, end of text or `max_new_tokens`.

    `schema` is a JSON schema as text: where it is set, only tokens that keep the output within it are taken. `rows` are
    the places of the samples that are asked about, from 0; it is empty where all are, in their order.
    """

    model: str
    prompt: str
    suffixes: tuple[str, ...]
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    adapter: str | None = None
    stage: str = ""
    schema: str = ""
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Generated:
    texts: list[str]
    prompt_tokens: list[int]
    new_tokens: list[int]
    seconds: float


@dataclass(frozen=True)
class Train:
    """Training by a method of the kind `tune`; loss at completion tokens only. `max_steps` caps a trial run.

    Rows are `(prompt, completion)`; for `dpo` they are `(prompt, chosen, rejected)`, and so are those of `valid`.
    """

    model: str
    rows: tuple[tuple[str, ...], ...]
    valid: tuple[tuple[str, ...], ...]
    r: int
    lora_alpha: int
    learning_rate: float
    num_train_epochs: int
    per_device_train_batch_size: int
    seed: int
    target_modules: str = "all-linear"
    row_tokens_max: int = 512
    max_steps: int | None = None
    stage: str = "train"
    method: str = "lora"
    beta: float = 0.1
    rpo_alpha: float = 0.0


@dataclass(frozen=True)
class Trained:
    """The adapter, or the trained model, stays with the runner as 'job'; its files lie in `files`, a folder of the
    worker's, and have `adapter_bytes`. `figures` are those of held-out preferences.
    """

    files: str
    steps: int
    train_loss: float
    valid_loss: float | None
    trainable_share: float
    adapter_bytes: int
    tokens: int
    seconds: float
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Embed:
    """Unit-length sentence embeddings."""

    texts: tuple[str, ...]
    stage: str = ""


@dataclass(frozen=True)
class Embedded:
    vectors: list[list[float]]


@dataclass(frozen=True)
class Retrieve:
    """Ranks `passages` for each of `queries` by `words` (BM25), by `vectors` (cosine), or by the fusion of `both`.

    At most `limit` passages of each query are returned. An item without queries only builds the index, which the runner
    keeps by its content.
    """

    passages: tuple[str, ...]
    queries: tuple[str, ...]
    method: str
    limit: int = 1
    stage: str = ""


@dataclass(frozen=True)
class Retrieved:
    """For each query the numbers of passages, from 0, with their scores in [0, 1]; the best one first."""

    found: list[list[tuple[int, float]]]
    seconds: float = 0.0


@dataclass(frozen=True)
class Judge:
    """One call to the judge endpoint. `template` is a name with its digest; `criteria` are the ids to be marked."""

    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any]
    template: str
    criteria: tuple[str, ...]
    stage: str = "judge"


@dataclass(frozen=True)
class Judged:
    """`reply` has the required form, or is None with the reason in `problem` (no endpoint, budget, unusable reply).

    `model` is what the endpoint says has answered, which may be a dated version of the name that was asked for.
    """

    reply: dict[str, Any] | None
    problem: str = ""
    model: str = ""
    call_id: int | None = None


WorkItem = Score | Generate | Train | Embed | Retrieve | Judge
Result = Scored | Generated | Trained | Embedded | Retrieved | Judged


@dataclass(frozen=True, order=True)
class JudgeId:
    """Which judge: the model that answered, and the prompt template with its digest."""

    model: str
    template: str


# --- the grade --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Passage:
    """One found passage. `right`: its document holds the answer; `used`: its score was high enough for the prompt."""

    document: str
    text: str
    score: float
    right: bool
    used: bool


@dataclass(frozen=True)
class LookUp:
    """What was found for one row, the best passage first. `place` counts from 1 and says where among `of` passages the
    first one of a right document stood; it is None where none was near.
    """

    passages: tuple[Passage, ...]
    place: int | None
    of: int


@dataclass(frozen=True)
class Row:
    """One sample's outcome. For hidden samples it goes to private storage only.

    `look_up` is set for public samples whose answers were looked up in documents.

    `fields` and `valid` are set for public samples with JSON answers alone: the score of each declared field in
    [0, 1], and whether the output is an object that has all of them with values that are allowed.
    """

    id: str
    output: str
    score: float
    correct: bool
    confidence: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    why: str = ""
    fields: dict[str, float] = field(default_factory=dict)
    valid: bool | None = None
    look_up: LookUp | None = None


@dataclass(frozen=True)
class CriterionMark:
    """`evidence` holds verbatim quotes from the answer; `points` are added by code."""

    id: str
    label: str
    mark: Mark
    points: float
    points_max: int
    evidence: tuple[str, ...] = ()
    improve: str = ""


@dataclass(frozen=True)
class Grade:
    """`score` in [0, 1] on hidden rows; None where only public rows were run (a Run).

    `cost` is measured on public samples: tokens per request, milliseconds per request. `review` holds the rules
    that ask for a person; `provisional` says that no person or judge stands behind the score yet. `judge` is who gave
    the marks, None for code alone; `certainty` in [0, 1] orders grades by how sure the machine is.
    """

    score: float | None
    metrics: dict[str, float] = field(default_factory=dict)
    hidden: tuple[Row, ...] = ()
    public: tuple[Row, ...] = ()
    public_score: float | None = None
    public_metrics: dict[str, float] = field(default_factory=dict)
    private_score: float | None = None
    cost: dict[str, float] = field(default_factory=dict)
    marks: tuple[CriterionMark, ...] = ()
    review: tuple[str, ...] = ()
    provisional: bool = False
    judge: JudgeId | None = None
    certainty: float = 1.0
    adapter_files: str | None = None
    training: dict[str, float] = field(default_factory=dict)
    private: dict[str, Any] = field(default_factory=dict)


class Rejected(Exception):
    """The learner's fault, found while grading (diverged training, too long). `code` is in the error table."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Assignment:
    """What is to be graded. `hidden=False` is a run on public samples, capped and without a score.

    `calibrated` are the judges whose calibration on this very content passed the author's gate: only they end a grade
    of free text. None where that is being measured. `template` names the judge's prompt, the default if empty.
    `sources` are texts by name from which an answer in free text may have been copied; they are no part of the content
    that the gate is about, so new ones change nothing but the search for copies. `draw` is the learner's secret lot, by
    which some of the learner's own choices are held out; empty for a baseline.
    """

    bundle: ChallengeBundle
    payload: Submitted
    hidden: bool
    inputs: tuple[str, ...] = ()
    adapter: str | None = None
    calibrated: frozenset[JudgeId] | None = frozenset()
    template: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    draw: str = ""


Grading = Generator[WorkItem, Any, Grade]
