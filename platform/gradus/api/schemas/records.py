"""Schemas of what a caller has done and been told."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from gradus.api.schemas.content import Track
from gradus.api.schemas.results import ErrorOut, Status


class EntryOut(Schema):
    """An attempt, or a run on public samples. A run can have a name."""

    uuid: UUID
    is_run: bool
    name: str
    kind: Track
    status: Status
    score: float | None = Field(
        None, description="Of an attempt as it is shown, rounded down; of a run on the public samples"
    )
    error: ErrorOut | None = None
    created_at: datetime


class NameIn(Schema):
    name: str


class PartChangeOut(Schema):
    """A part of the payload that differs, as the pages of both show it."""

    part: str
    before: str
    after: str


class SampleChangeOut(Schema):
    """A public sample that was answered differently. `other`: another answer with the same score."""

    id: str
    change: Literal["better", "worse", "other"]
    before: str
    after: str


class ComparisonOut(Schema):
    changes: list[PartChangeOut]
    samples: list[SampleChangeOut]


class NoticeOut(Schema):
    """Tells that something has ended: an attempt, a run, a review, an appeal, a regrade, or a report of a problem."""

    kind: Literal["graded", "failed", "run", "reviewed", "appealed", "regraded", "answered"]
    challenge: str
    title: str
    text: str
    page: str = Field(description="The path of the page that shows what has ended")
    created_at: datetime
    seen: bool


class ReportIn(Schema):
    what: str = Field(description="`task`, `sample`, `score` or `page`: what the problem is with")
    text: str
    track: str = Field("", description="The track on which it was found; by default the one that passes")


class ReportOut(Schema):
    """A reported problem. `answer` is empty until staff have answered it."""

    challenge: str
    version: str
    track: str
    what: str
    text: str
    created_at: datetime
    answer: str
    answered_at: datetime | None = None
