"""What the API says of a grading wherever it does: its state, its error, and the results of public samples."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, Field, GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from challenges import payloads
from challenges.registry import kind_names, known_kind
from challenges.shown_score import mark_of
from gradus.submissions import durations
from gradus.submissions.delays import delay_of
from gradus.submissions.models import Evaluation
from gradus.submissions.queue import expected_wait, queue_position


def _names_all_kinds(schema: dict[str, Any]) -> None:
    schema["enum"] = list(kind_names())


Track = Annotated[str, AfterValidator(known_kind), Field(json_schema_extra=_names_all_kinds)]
"""The name of a kind, which may come from another package."""


State = Literal["queued", "running", "scored", "rejected", "failed", "cancelled", "review", "withheld"]
"""`withheld`: it was graded, and the grade is not released to its learner yet."""


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
    """The tokens of instructions, examples and an own row template, and the factor of the score that they cost."""

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
    comment: str = Field("", description="What a person who has marked the answer writes about it")
    cost: dict[str, float] = {}
    training: dict[str, Any] = {}
    shown: dict[str, Any] = Field({}, description="What a kind shows besides, such as how many defects were exposed")
    unfinished: UnfinishedOut | None = Field(
        default=None, description="Set if a run has reached its limit: its results are of the finished samples only"
    )


class ErrorOut(Schema):
    code: str
    message: str


class DelayOut(ErrorOut):
    since: datetime | None = Field(None, description="With the code `no_worker`: when the last worker was free")


WAITS_BECAUSE = "Why an open job waits longer than others, such as a judge that does not answer or no free worker"


TAKES = "How long it takes from its start to its end, as the pages say it; empty where nothing tells that"


def error_of(evaluation: Evaluation) -> dict[str, Any] | None:
    return {"code": evaluation.error_code, "message": evaluation.message} if evaluation.error_code else None


def state_of(evaluation: Evaluation) -> dict[str, Any]:
    delay = delay_of(evaluation)
    return {
        "status": evaluation.state,
        "error": error_of(evaluation),
        "queue_position": queue_position(evaluation),
        "wait_s": None if delay else expected_wait(evaluation),
        "takes": usual.sentence if evaluation.is_open and (usual := durations.of_evaluation(evaluation)) else "",
        "waits_because": delay.as_data if delay else None,
    }


def feedback_of(evaluation: Evaluation) -> dict[str, Any] | None:
    if evaluation.result is None:
        return None
    shown = ("public", "marks", "comment", "cost", "training", "shown", "unfinished")
    found = {key: evaluation.result[key] for key in shown if key in evaluation.result}
    return {**found, "public": _public(found["public"])} if "public" in found else found


def _public(public: dict[str, Any]) -> dict[str, Any]:
    rows = [{**row, "mark": mark_of(row["score"], row["correct"])} for row in public.get("rows", ())]
    return {**public, "rows": rows}
