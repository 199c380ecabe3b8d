"""Schemas of the calls for reviewers, who are staff of the site and teachers of a course."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from challenges.rows import GoldRole

GivenMark = Literal["met", "partial", "not_met"]


class ReviewBrief(Schema):
    """An answer that waits for a person. A blind audit shows no score."""

    id: int
    kind: Literal["review", "audit"]
    blind: bool
    appealed: bool
    challenge: str
    predicted: float | None = None
    reasons: list[str]
    opened_at: datetime


class CriterionLine(Schema):
    """A criterion with the machine's mark, quotes and votes, which are all empty while an audit is blind."""

    id: str
    label: str
    text: str
    points: int
    allowed: list[GivenMark]
    machine: str | None = None
    quotes: list[str] = []
    votes: list[str] = []
    second: str | None = None


class NeighbourOut(Schema):
    """A graded answer that is similar to this one. `by` says who graded it."""

    likeness: float
    answer: str
    marks: dict[str, str]
    score: float
    by: Literal["author", "person"]


class SignOut(Schema):
    """A sign of machine writing in the answer. It informs a reviewer, and is no reason for a lower mark."""

    what: str
    where: str


class ReviewOut(ReviewBrief):
    submission: UUID
    question: str
    model_answer: str
    answer: str
    language: str = Field(description="The language that a detector guesses; empty if unknown")
    criteria: list[CriterionLine]
    flags: list[str]
    signs: list[SignOut]
    nearest: list[NeighbourOut]
    appeal_text: str | None = None
    blind_marks: dict[str, str] | None = None
    marks: dict[str, str] | None = None
    reason: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None


class BlindIn(Schema):
    """A mark for each criterion."""

    marks: dict[str, GivenMark]


class DecisionIn(BlindIn):
    reason: str = Field("", max_length=2000, description="For staff. Required to lower a final grade")


class GoldIn(Schema):
    role: GoldRole = "calibration"


class GoldOut(Schema):
    """A row of `gold.jsonl`."""

    answer: str
    marks: dict[str, str]
    role: GoldRole


class FigureOut(Schema):
    """How often the machine agrees with a person in a group of answers. `bias` is machine minus person."""

    name: str
    answers: int
    same_verdict: float
    low: float = Field(description="Lower end of the 95 % interval of same_verdict")
    high: float
    same_marks: float
    bias: float
    mae: float


class AccuracyOut(Schema):
    """Figures from blind audits, and from all decisions, most of which are about answers in doubt."""

    total: FigureOut | None = None
    questions: list[FigureOut]
    audited_languages: list[FigureOut]
    decided_languages: list[FigureOut]
    decided_signs: list[FigureOut]


class RegradeIn(Schema):
    note: str = Field("", max_length=300)
    submissions: list[UUID] | None = Field(None, description="The submissions to grade again; all if left out")


class RegradeBrief(Schema):
    id: int
    challenge: str
    note: str
    started_at: datetime
    outcome: str = Field(description="approved, discarded, or empty while it is open")
    version: str | None = Field(description="The challenge's version by which it grades")
    left_out: dict[str, int] = Field(description="Submissions that were not graded again, by reason")


class ChangeOut(Schema):
    submission: UUID
    old: float
    new: float | None = None
    change: Literal["raised", "same", "lowered", "in_doubt", "not_graded", "waiting"]
    passed_before: bool
    passes: bool
    before: str = Field(description="The version that gave the old score")
    after: str = Field(description="The version that gave the new score")
    counts: bool = Field(description="Whether the new grade was adopted")
    kept_because: str | None = Field(description="Why the old grade stayed when the run was approved")


class RegradeOut(RegradeBrief):
    """`marks[old][new]` counts criterion marks; `kept` counts by reason the grades that stayed."""

    waiting: int
    adopted: int
    kept: dict[str, int]
    kinds: dict[str, int]
    passes_gained: int
    passes_lost: int
    marks: dict[str, dict[str, int]]
    changes: list[ChangeOut]


class ApprovalIn(Schema):
    lower: bool = Field(
        False, strict=True, description="Also lower grades that learners have been shown; you are responsible for that"
    )


class ApprovalOut(Schema):
    """How many grades were `adopted`, and how many were not, by reason."""

    done: dict[str, int]
