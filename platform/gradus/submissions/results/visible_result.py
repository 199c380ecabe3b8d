"""The form of the result that a worker hands in for the learner: what the site's own code reads of it.

Pages of the learner, and lists of staff over many results, read these parts without asking again. Other keys, and what
`shown` holds, belong to the kinds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    model_config = ConfigDict(strict=True)


class Passage(Part):
    document: str
    text: str
    score: float
    right: bool
    used: bool


class LookUp(Part):
    passages: list[Passage]
    place: int | None
    of: int


class Row(Part):
    id: str
    output: str
    score: float
    correct: bool
    confidence: float | None = None
    probabilities: dict[str, float] = {}
    why: str = ""
    fields: dict[str, float] = {}
    valid: bool | None = None
    look_up: LookUp | None = None


class Charged(Part):
    tokens: int
    factor: float


class Public(Part):
    score: float | None
    rows: list[Row]
    metrics: dict[str, float | None] = {}
    orders: list[float] = []
    charged: Charged | None = None


class CriterionMark(Part):
    id: str
    label: str
    mark: Literal["met", "partial", "not_met", "cannot_tell"]
    points: float
    points_max: int
    evidence: list[str] = []
    improve: str = ""


Likely = Annotated[list[str | float], Field(min_length=2, max_length=2)]
Token = Annotated[list[str | float | list[Likely]], Field(min_length=3, max_length=3)]


class Answer(Part):
    text: str
    probabilities: dict[str, float]
    prompt_tokens: float
    new_tokens: float
    ms: float
    tokens: list[Token] = []


class Answers(Part):
    base: Answer
    trained: Answer


class Chat(Part):
    prompt: str | None
    answers: Answers


class Measured(Part):
    ms: list[float]
    tokens: list[Annotated[list[int], Field(min_length=2, max_length=2)]]
    shared_tokens: int


class Unfinished(Part):
    finished: int
    of: int
    seconds: int


class VisibleResult(Part):
    public: Public | None = None
    metrics: dict[str, float] = {}
    cost: dict[str, float] = {}
    marks: list[CriterionMark] = []
    training: dict[str, float] = {}
    chat: Chat | None = None
    shown: dict[str, Any] = {}
    measured: Measured | None = None
    unfinished: Unfinished | None = None
