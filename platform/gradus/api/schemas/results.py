"""Schemas of payloads, submissions, runs, leaderboards, tokens and errors."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from challenges import payloads
from challenges.kinds.tune import TunePayload
from gradus.accounts.token_rules import DAYS_MAX, TOKEN_DAYS, Content, LearnerData
from gradus.api import codes
from gradus.api.schemas.content import Track
from gradus.reviews.models import APPEAL_CHARS

Status = Literal["queued", "running", "scored", "rejected", "failed", "cancelled", "review"]
Verdict = Literal["passed", "not_passed"]
RowMark = Literal["right", "partly_right", "wrong"]
VerifiedBy = Literal["ai", "code", "person"]


class Payload(RootModel[dict[str, Any]]):
    """What is submitted; `kind` says of which kind it is. The service that takes it validates it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schemas of all kinds, so that a kind from another package is documented too."""
        found = handler(payloads.adapter().core_schema)
        return {**found, "title": cls.__name__, "description": cls.__doc__, "required": ["kind"]}


class FieldProblem(Schema):
    code: str
    field: str = ""
    message: str
    line: int | None = None


class TrainingRows(RootModel[TunePayload]):
    """A `tune` payload."""


class Problem(Schema):
    """Problem details (RFC 9457). Scripts can rely on `code`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description=codes.in_words())
    problems: list[FieldProblem] = []


class PassageOut(Schema):
    """A passage that was found for a public sample."""

    document: str
    text: str
    score: float
    right: bool = Field(description="Whether its document holds the answer")
    used: bool = Field(description="Whether its score was high enough for the prompt")


class LookUpOut(Schema):
    """What was found for a public sample, the best passage first."""

    passages: list[PassageOut]
    place: int | None = Field(None, description="Where the first passage of a right document stood, from 1 on")
    of: int = Field(description="How many passages there are")


class RowOut(Schema):
    """The result of a public sample."""

    id: str
    output: str
    score: float
    correct: bool
    mark: RowMark = Field(description="`partly_right`: the row earns some of its score, but not all of it")
    fields: dict[str, float] = Field({}, description="The score of each field of a JSON answer, in [0, 1]")
    valid: bool | None = Field(None, description="Whether a JSON answer has every field with a value that is allowed")
    confidence: float | None = None
    probabilities: dict[str, float] = {}
    why: str = ""
    look_up: LookUpOut | None = Field(None, description="What was found in the documents, if there are any")


class MarkOut(Schema):
    """A criterion with its mark, the author's label, and quotes of the caller's answer as evidence."""

    id: str
    label: str
    mark: str
    points: float
    points_max: int
    evidence: list[str] = []
    improve: str = ""


class ChargedOut(Schema):
    """The tokens of instructions and examples, and the factor of the score that they cost."""

    tokens: int
    factor: float


class PublicResult(Schema):
    """The results of the public samples."""

    score: float | None = None
    metrics: dict[str, float | None] = {}
    rows: list[RowOut] = []
    orders: list[float] = Field(
        default=[], description="The metric in each order of the examples, if several are tried"
    )
    charged: ChargedOut | None = Field(
        default=None, description="What tokens cost, if the challenge has a budget of them"
    )


class UnfinishedOut(Schema):
    """How far a run came that reached its limit."""

    finished: int = Field(description="Public samples with a result")
    of: int = Field(description="Public samples of the challenge")
    seconds: int = Field(description="The limit, in seconds of computing time")


class FeedbackOut(Schema):
    public: PublicResult = PublicResult()
    marks: list[MarkOut] = []
    cost: dict[str, float] = {}
    training: dict[str, Any] = {}
    unfinished: UnfinishedOut | None = Field(
        default=None, description="Set if a run has reached its limit: its results are of the finished samples only"
    )


class ErrorOut(Schema):
    code: str
    message: str


class AppealOut(Schema):
    """The caller's appeal: with a second grader, with a person, or closed with an outcome."""

    stage: Literal["second", "person", "closed"]
    outcome: Literal["raised", "kept", "lowered"] | None = None
    text: str
    created_at: datetime
    closed_at: datetime | None = None


class SubmissionOut(Schema):
    uuid: UUID
    challenge: str
    kind: Track
    status: Status
    score: float | None = Field(None, description="Rounded down to the challenge's step")
    version: str | None = Field(None, description="The version of the challenge that gave the score")
    verdict: Verdict | None = None
    gold: bool = False
    verified_by: VerifiedBy | None = Field(None, description="null while the score is provisional")
    metrics: dict[str, float] = {}
    feedback: FeedbackOut | None = None
    error: ErrorOut | None = None
    queue_position: int | None = None
    wait_s: int | None = None
    attempts_left: int | None = None
    guest_note: str | None = Field(None, description="How a free-text answer without an account is graded")
    has_artifact: bool = False
    appealed: bool = False
    can_appeal: bool = False
    appeal: AppealOut | None = Field(None, description="The newest appeal")
    created_at: datetime
    finished_at: datetime | None = None


class ReceiptFacts(Schema):
    """What a receipt states. Of all that depends on hidden rows, it holds the shown score and what follows from it."""

    schema_: int = Field(alias="schema")
    site: str = Field(description="The address of the site that has signed it")
    submission: UUID
    learner: str = Field(description="The learner's name on leaderboards")
    course: str
    challenge: str
    title: str
    version: str
    kind: Track
    payload_sha256: str
    model: str | None = None
    model_checkpoint: str | None = Field(None, description="The digest of the base model's weights")
    adapter_sha256: str | None = Field(None, description="The digest of the trained weights")
    engine: str
    engine_choice: str
    grader_version: str
    seed: int
    score: str = Field(description="The shown score, as a decimal number")
    provisional: bool = Field(description="Whether nobody has settled the grade yet, so that it can change")
    passed: bool | None = Field(description="null while the grade is provisional")
    gold: bool
    verified_by: VerifiedBy | None = Field(None, description="null while the grade is provisional")
    day: str = Field(description="The day of grading, in UTC")


class ReceiptOut(Schema):
    receipt: ReceiptFacts
    key: str = Field(description="The id of the public key, as `/.well-known/gradus-receipts.json` lists it")
    signature: str = Field(description="Ed25519 over the receipt's canonical JSON (RFC 8785), in base64url")


class SubmissionBrief(Schema):
    uuid: UUID
    challenge: str
    kind: Track
    status: Status
    score: float | None = None
    version: str | None = Field(None, description="The version of the challenge that gave the score")
    verdict: Verdict | None = None
    verified_by: VerifiedBy | None = None
    created_at: datetime


class RunOut(Schema):
    uuid: UUID
    challenge: str
    kind: Track
    purpose: str
    label: str = ""
    finding: str = Field("", description="The finding whose arm it repeats; empty for other runs")
    arm: str = ""
    repetition: int | None = None
    status: Status
    result: FeedbackOut | None = None
    error: ErrorOut | None = None
    queue_position: int | None = None
    wait_s: int | None = None
    created_at: datetime
    expires_at: datetime


class DemoIn(Schema):
    text: str = Field(min_length=1, max_length=4000)


class DemoOut(Schema):
    """The three runs of the demo. The label of each says how it asks the model."""

    notice: str
    runs: list[RunOut]


class SearchOut(Schema):
    """The three runs of a lesson's retriever. The label of each says how it searches."""

    runs: list[RunOut]


class SolutionOut(Schema):
    solution: str = Field(description="CommonMark")


class DatasetBin(Schema):
    """How many rows have at least `low` and at most `high` tokens."""

    low: int
    high: int
    rows: int


class PreferencesOut(Schema):
    """Words are means; `by_length` is `shorter` or `longer` where the chosen answer of every row is so."""

    held_out: int
    chosen_words: float
    rejected_words: float
    by_length: Literal["", "shorter", "longer"]


class DatasetOut(Schema):
    """What is in a LoRA payload's rows, and what training on them costs; `problems` would refuse a submit."""

    rows: int
    labels: dict[str, int]
    balance: float | None = None
    duplicates: list[list[int]]
    conflicts: list[list[int]]
    histogram: list[DatasetBin]
    tokens_per_row: float
    longest_row: int
    total_tokens: int
    tokens_max: int
    seconds: float
    problems: list[FieldProblem]
    preferences: PreferencesOut | None = Field(None, description="Where rows are preferences")


class AppealIn(Schema):
    text: str = Field(min_length=1, max_length=APPEAL_CHARS)


class PlaceOut(Schema):
    rank: int | None = None
    pseudonym: str
    score: float
    tied: int = Field(description="How many learners share this rank, including this one")
    passed: bool
    gold: bool
    provisional: bool
    mine: bool
    cost: dict[str, float]
    reached_at: datetime


class BandOut(Schema):
    """Learners with equal shown scores, who share a rank."""

    rank: int
    score: float
    learners: int


class OlderOut(Schema):
    """Scores of another version. They are not on the leaderboard until they are graded by its version."""

    version: str
    scores: int


class LeaderboardOut(Schema):
    challenge: str
    version: str = Field(description="The version whose scores are on the leaderboard")
    older: list[OlderOut]
    track: Track
    tracks: list[Track]
    frozen: bool = Field(description="A frozen leaderboard ranks by scores on the private part of the hidden samples")
    total: int
    page: int
    pages: int
    rows: list[PlaceOut]
    bands: list[BandOut]
    mine: PlaceOut | None = None


class TokenIn(Schema):
    email: str = Field(max_length=254)
    password: str = Field(max_length=1024)
    name: str = Field("command line", min_length=1, max_length=80)
    days: int = Field(TOKEN_DAYS, ge=1, le=DAYS_MAX, description="After how many days the token expires")
    content: Content = Field(Content.NONE, description="What the token may do with course content")
    learner_data: LearnerData = Field(
        LearnerData.NONE, description="What the token may do with other people's answers and grades"
    )


class TokenOut(Schema):
    """The token, which is shown only in this response."""

    token: str
    name: str
    prefix: str
    expires_at: datetime
    content: Content
    learner_data: LearnerData
