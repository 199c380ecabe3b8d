"""What reviewers take and give: for staff and course teachers only."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from challenges.spec import GoldRole

GivenMark = Literal["met", "partial", "not_met"]


class ReviewBrief(Schema):
    """One answer that waits. A blind audit shows no score."""

    id: int
    kind: Literal["review", "audit"]
    blind: bool
    appealed: bool
    challenge: str
    predicted: float | None = None
    reasons: list[str]
    opened_at: datetime


class CriterionLine(Schema):
    """One criterion, with the machine's mark, quotes and votes beside it; all empty while the audit is blind."""

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
    """A graded answer near to this one; `by` says who graded it."""

    likeness: float
    answer: str
    marks: dict[str, str]
    score: float
    by: Literal["author", "person"]


class SignOut(Schema):
    """Something in the text that machines often write; evidence, and no reason for a lower mark."""

    what: str
    where: str


class ReviewOut(ReviewBrief):
    submission: UUID
    question: str
    model_answer: str
    answer: str
    language: str = Field(description="As a detector guesses it; empty where it cannot tell")
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
    reason: str = Field("", max_length=2000, description="For staff. Needed where a final grade goes down")


class GoldIn(Schema):
    role: GoldRole = "calibration"


class GoldOut(Schema):
    """A row of `gold.jsonl`."""

    answer: str
    marks: dict[str, str]
    role: GoldRole


class FigureOut(Schema):
    """How often machine and person agree about one group of answers; `bias` is machine less person."""

    name: str
    answers: int
    same_verdict: float
    low: float = Field(description="Lower end of the 95 % interval of same_verdict")
    high: float
    same_marks: float
    bias: float
    mae: float


class AccuracyOut(Schema):
    """From blind audits, and from all decisions, which are about doubtful answers mostly."""

    total: FigureOut | None = None
    questions: list[FigureOut]
    audited_languages: list[FigureOut]
    decided_languages: list[FigureOut]
    decided_signs: list[FigureOut]


class RegradeIn(Schema):
    note: str = Field("", max_length=300)
    submissions: list[UUID] | None = Field(None, description="All where left out")


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
        False, strict=True, description="Also lower grades that learners have been shown; you stand behind it"
    )


class ApprovalOut(Schema):
    """What became of each: `adopted`, or why it stayed as it was."""

    done: dict[str, int]
