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


# Items of this stage are only about public or content-free inputs, so a worker may keep their results for later jobs.
CALIBRATE = "calibrate"
# What a call asks the judge for: marks, or which criteria the answer denies.
MARKS, DENIALS = "marks", "denials"
# A chat has two answers, one for each of these stages. Learners see them token by token.
BASE, TRAINED = "base", "trained"

# --- work items and their results -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """Asks for the log-likelihood of each label as the continuation of each `prompt + suffix`.

    `adapter` is `job` for the one that this job has trained, or a stored adapter's name. `offsets` are the numbers, by
    label, that the grader will subtract before it compares labels. The engine needs them to find the rows in which two
    labels are so close that it has to compute them again in fp32; with `exact` it computes all rows in fp32.
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
    """The result of `Score`: token counts by row, and the seconds that the engine took for all rows.

    `logprobs[n][l]` is the natural logarithm of the probability of label l in row n, summed over the label's tokens.
    """

    logprobs: list[list[float]]
    prompt_tokens: list[int]
    seconds: float


@dataclass(frozen=True)
class Generate:
    """Asks for the greedy continuation of each `prompt + suffix`, until `stop`, end of text or `max_new_tokens`.

    `schema` is a JSON schema as text. If it is set, the model can only choose tokens that keep the output within the
    schema. `rows` are the places, from 0, of the samples that the item is about; it is empty if it is about all samples
    in their order.
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
    """The result of `Generate`: texts and token counts by row, and the seconds that the engine took for all rows."""

    texts: list[str]
    prompt_tokens: list[int]
    new_tokens: list[int]
    seconds: float


@dataclass(frozen=True)
class Train:
    """Asks for a training run by a method of the kind `tune`. Only completion tokens count for the loss.

    `rows` are pairs `(prompt, completion)`, and so are `valid`, which are not trained on. For `dpo` both are triples
    `(prompt, chosen, rejected)`. `max_steps` limits a trial run.
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
    """The result of `Train`. The runner keeps the adapter, or the trained model, under the name `job`.

    `files` is a folder of the worker that holds the adapter's files, which have `adapter_bytes` in total. `figures` are
    measured on held-out preferences. `peak_bytes` is the most memory that training used on top of the loaded base
    model; it is None if the machine cannot tell.
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
    peak_bytes: int | None = None


@dataclass(frozen=True)
class Embed:
    """Asks for a sentence embedding of each text. With `is_timed` all are computed anew, and the seconds count."""

    texts: tuple[str, ...]
    stage: str = ""
    is_timed: bool = False


@dataclass(frozen=True)
class Embedded:
    """The result of `Embed`: a vector of length 1 for each text, and the seconds that the encoder took for all."""

    vectors: list[list[float]]
    seconds: float = 0.0


@dataclass(frozen=True)
class Retrieve:
    """Asks for a ranking of `passages` for each of `queries`.

    `method` is `words` (BM25), `vectors` (cosine of embeddings), or `both`, which merges the two rankings. The result
    has at most `limit` passages for each query. An item without queries only builds the index, which the runner keeps
    by its content. If the worker has stored the passages' embeddings, it sets `vectors` to the file's path.
    """

    passages: tuple[str, ...]
    queries: tuple[str, ...]
    method: str
    limit: int = 1
    stage: str = ""
    vectors: str = ""


@dataclass(frozen=True)
class Retrieved:
    """The result of `Retrieve`: for each query the numbers of passages with scores in [0, 1], the best one first."""

    found: list[list[tuple[int, float]]]
    seconds: float = 0.0


@dataclass(frozen=True)
class Count:
    """Asks how many tokens `text` has for the base model. The worker counts them itself, so that no model is loaded."""

    model: str
    text: str
    stage: str = ""


@dataclass(frozen=True)
class Counted:
    """The result of `Count`."""

    tokens: int


@dataclass(frozen=True)
class Judge:
    """Asks for one call to the judge's endpoint.

    `schema` is the form of the reply. `template` is the name of the prompt template with its digest, and `criteria` are
    the ids of the criteria that the call is about. `asks` is `MARKS` or `DENIALS`.
    """

    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any]
    template: str
    criteria: tuple[str, ...]
    stage: str = "judge"
    asks: str = MARKS


@dataclass(frozen=True)
class Judged:
    """The result of `Judge`.

    `reply` has the required form, or is None if `problem` says why there is no reply: no endpoint, no budget, or an
    unusable reply. `model` is the name that the endpoint gives for the model that answered, which may be a dated
    version of the configured name.
    """

    reply: dict[str, Any] | None
    problem: str = ""
    model: str = ""
    call_id: int | None = None


WorkItem = Score | Generate | Train | Embed | Retrieve | Count | Judge
Result = Scored | Generated | Trained | Embedded | Retrieved | Counted | Judged


@dataclass(frozen=True, order=True)
class JudgeId:
    """Identifies a judge by the model that answered and the prompt template with its digest."""

    model: str
    template: str


# --- the grade --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Passage:
    """A retrieved passage: whether its document is `right`, and whether its score was high enough to be `used`."""

    document: str
    text: str
    score: float
    right: bool
    used: bool


@dataclass(frozen=True)
class LookUp:
    """The passages that were retrieved for one row, the best one first.

    `place` is the rank, from 1, of the first passage of a right document among all `of` passages. It is None if no such
    passage was among those that were ranked.
    """

    passages: tuple[Passage, ...]
    place: int | None
    of: int


@dataclass(frozen=True)
class GradedSample:
    """The grade of one sample. Grades of hidden samples are kept in private storage only.

    `why` says how the output was read, or why it could not be read. `fields` and `valid` are only set for public
    samples with JSON answers: the score in [0, 1] of each declared field, and whether the output is an object with a
    permitted value for each of them. `look_up` is only set for public samples of a retrieval.
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
class Charged:
    """The tokens of instructions, examples and an own template, and the factor in [0, 1] that multiplies the score."""

    tokens: int
    factor: float


@dataclass(frozen=True)
class CriterionMark:
    """The mark of a criterion with its points, which code computes. `evidence` holds verbatim quotes of the answer."""

    id: str
    label: str
    mark: Mark
    points: float
    points_max: int
    evidence: tuple[str, ...] = ()
    improve: str = ""


@dataclass(frozen=True)
class Grade:
    """What a grader returns.

    Scores: `score` and `private_score` are in [0, 1] and computed on hidden rows of the splits `public` and `private`.
    `score` is None for a trial run, which only has public rows. If the score is the lowest of several orders of the
    examples, `public_orders` are the values of the metric on public samples in each order. If the challenge has a
    budget of tokens, `charged` is set; scores are then multiplied by its factor, and metrics are not.

    Costs: `cost` holds means over the public samples: tokens and milliseconds of a request, and `measured` what
    `graders.request_costs` has measured of one. `shown` is what a kind's page shows besides, as JSON values.

    Free text: `marks` are those of the criteria. `review` holds the rules by which a person has to look at the answer,
    and `provisional` says that neither a person nor a judge stands behind the score yet. `judge` gave the marks; it is
    None if code alone did. `certainty` in [0, 1] orders grades by how sure the machine is.
    `chat` holds the two answers of a chat, which has no score. `private` is for staff only.
    """

    score: float | None
    metrics: dict[str, float] = field(default_factory=dict)
    hidden: tuple[GradedSample, ...] = ()
    public: tuple[GradedSample, ...] = ()
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
    measured: dict[str, Any] = field(default_factory=dict)
    private: dict[str, Any] = field(default_factory=dict)
    chat: dict[str, Any] = field(default_factory=dict)
    public_orders: tuple[float, ...] = ()
    charged: Charged | None = None
    shown: dict[str, Any] = field(default_factory=dict)


class Rejected(Exception):
    """The submission cannot be graded through a fault of its own, such as diverged training. The API lists `code`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Chat:
    """A learner's text for the base model and the trained one; they read it after `prompt`, or the attempt's prompt."""

    text: str
    prompt: str = ""


@dataclass(frozen=True)
class Assignment:
    """What has to be graded.

    With `hidden=False` it is a run on public samples without a score, whose training is cut short unless it is `whole`.
    `draw` is a secret of the learner that decides which of the learner's own choices are held out; it is empty for a
    baseline. `inputs` are texts to predict instead of samples, and `chat` is a text to answer.

    For free text, `calibrated` are the judges that passed the author's gate on exactly this content; only their grades
    can be final. It is None while a judge is being calibrated. `template` names the judge's prompt template; empty is
    the default. `sources` are texts, by name, that an answer may have copied; the content does not include them.
    """

    bundle: ChallengeBundle
    payload: Submitted
    hidden: bool
    inputs: tuple[str, ...] = ()
    adapter: str | None = None
    calibrated: frozenset[JudgeId] | None = frozenset()
    template: str = ""
    whole: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    draw: str = ""
    chat: Chat | None = None


Grading = Generator[WorkItem, Any, Grade]
