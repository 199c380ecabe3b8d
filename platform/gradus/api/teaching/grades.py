"""The calls about the gradebook: grades as JSON or files, overrides and points. People outside the class get 404."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from ninja import Query, Router, Schema, Status
from pydantic import Field

from gradus.accounts import roles
from gradus.api.auth import Request, caller, requires
from gradus.api.teaching.shared import (
    PEOPLE,
    SLUG_CHARS,
    Seen,
    SeenOut,
    challenge_named,
    class_of,
    label_named,
    members_named,
)
from gradus.classes.changes import version_of
from gradus.classes.models import REASON_CHARS, Class
from gradus.gradebook import downloads, queries, recounts, services
from gradus.gradebook.queries import Wanted
from gradus.gradebook.table import Line, State, Table
from gradus.refusal import Refused

Format = Literal["json", "canvas", "moodle", "wide", "long"]


class ColumnOut(Schema):
    challenge: str
    title: str
    worth: float = Field(description="The maximum points of the challenge, without extra credit for early attempts")
    average: float | None = Field(description="The mean points of the learners who have a grade")
    graded: int = Field(description="How many learners have a grade")
    released: bool = Field(description="Whether learners see new grades immediately")


class CellOut(Schema):
    challenge: str
    state: State
    points: float | None = Field(description="The points that count; null if there is no grade")
    computed: float | None = Field(
        description="The points computed from the attempts, including the credit for the date"
    )
    score: float | None = Field(description="The shown score of the attempt that counts, from 0 to 1")
    credit: float | None = Field(description="The share of the points that the dates allow for this attempt")
    attempts: int
    late: bool = Field(validation_alias="is_late")
    waits: bool = Field(description="Whether an attempt waits for a person's decision")
    released: bool = Field(validation_alias="is_shown", description="Whether the learner sees the grade")
    submitted_at: datetime | None
    reason: str = Field(description="The reason of the override or excuse")
    seen: SeenOut


class LearnerOut(Schema):
    member: int
    name: str
    email: str
    login: str
    registration_number: str
    labels: list[str]
    state: str
    points: float = Field(description="The sum of the points of all cells with a grade")
    possible: float = Field(description="The sum of the maximum points of these cells")
    missing: int = Field(description="How many cells have no grade and are not excused")
    cells: list[CellOut]


class ChallengesOut(Schema):
    """The columns of the gradebook. `seen` is about what the challenges are worth."""

    challenges: list[ColumnOut]
    seen: SeenOut


class GradesOut(ChallengesOut):
    """A page of the gradebook. `notes` list the learners and grades that the files for Canvas and Moodle omit."""

    learners: list[LearnerOut]
    count: int
    page: int
    pages: int
    notes: list[str]


class OverrideIn(Schema):
    """A change of the grades of several learners at one challenge: set points, excuse, or clear either of them."""

    members: list[str] = Field(min_length=1, max_length=500, description=PEOPLE)
    challenge: str = Field(min_length=1, max_length=SLUG_CHARS)
    kind: Literal["value", "excused", "cleared"] = Field(
        description="`value` sets points, `excused` excuses the learner, `cleared` ends either of them"
    )
    value: float | None = Field(None, description="The points, if the kind is `value`")
    reason: str = Field("", max_length=REASON_CHARS, description="Required unless the kind is `cleared`")
    seen: Seen = Field("", description="The `seen` of the cell that the caller read; `none` if nothing may be set yet")


class OverridesOut(Schema):
    learners: list[LearnerOut]


class WorthsIn(Schema):
    worths: dict[str, float] = Field(description="The maximum points by challenge; omitted challenges keep theirs")
    seen: Seen = ""


def learner_out(line: Line, slugs: list[str]) -> dict[str, Any]:
    cells = [
        {**vars(cell), "challenge": slug, "seen": str(cell.override or "none")}
        for slug, cell in zip(slugs, line.cells, strict=True)
    ]
    return {**vars(line.person), **vars(line.total), "name": line.person.name, "cells": cells}


def columns_out(of_class: Class, table: Table) -> dict[str, Any]:
    released = queries.released(of_class, [column.challenge for column in table.columns])
    columns = [
        {**vars(column), "challenge": column.slug, "released": column.challenge in released} for column in table.columns
    ]
    return {"challenges": columns, "seen": version_of(services.worths_seen(table.columns))}


router = Router(tags=["classes"], auth=requires(roles.SEES_ANSWERS))


CSV = {"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}}


@router.get("/classes/{int:id}/grades", response=GradesOut, openapi_extra=CSV)
def class_grades(
    request: Request,
    id: int,
    format: Format = "json",
    label: Annotated[str, Query(max_length=40)] = "",
    search: Annotated[str, Query(max_length=100)] = "",
    left: bool = False,
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 100,
) -> dict[str, Any] | HttpResponse:
    """Returns a page of the gradebook as JSON, or all of it as a CSV file.

    `canvas` and `moodle` have released grades only, `wide` and `long` all of them. `label` and `search` select
    learners, and `left` adds those who have left.
    """
    of_class = class_of(request, id)
    chosen = label_named(of_class, label)
    wanted = Wanted(label=chosen.pk if chosen else None, search=search, left=left)
    if format != "json":
        made = downloads.written(of_class, format, wanted, by=caller(request))
        return downloads.response(of_class, format, made)
    recounts.settle(of_class)
    table = queries.table(of_class, wanted, page=page, size=size)
    slugs = [column.slug for column in table.columns]
    return {
        **columns_out(of_class, table),
        "learners": [learner_out(line, slugs) for line in table.lines],
        "count": table.count,
        "page": table.page.number if table.page else 1,
        "pages": table.page.paginator.num_pages if table.page else 1,
        "notes": downloads.notes(of_class, wanted, table.columns),
    }


@router.post("/classes/{int:id}/overrides", response={201: OverridesOut}, auth=requires(roles.DECIDES))
def class_override(request: Request, id: int, given: OverrideIn) -> Status[dict[str, Any]]:
    """Sets points for learners, excuses them, or clears either. If one learner is refused, nothing is changed."""
    of_class = class_of(request, id, roles.DECIDES)
    members, challenge = members_named(of_class, given.members), challenge_named(of_class, given.challenge)
    by = caller(request)
    match given.kind:
        case "excused":
            services.excuse(members, challenge, by=by, reason=given.reason, seen=given.seen)
        case "cleared":
            services.clear(members, challenge, by=by, seen=given.seen)
        case _value:
            services.override(members, challenge, by=by, value=given.value, reason=given.reason, seen=given.seen)
    table = queries.table(of_class, Wanted(left=True, members=tuple(one.pk for one in members)))
    slugs = [column.slug for column in table.columns]
    return Status(201, {"learners": [learner_out(line, slugs) for line in table.lines]})


@router.put("/classes/{int:id}/worths", response=ChallengesOut, auth=requires(roles.DECIDES))
def class_weigh(request: Request, id: int, given: WorthsIn) -> dict[str, Any]:
    """Sets how many points challenges are worth, and returns all columns of the gradebook."""
    of_class = class_of(request, id, roles.DECIDES)
    slugs = {challenge_named(of_class, slug).pk: slug for slug in given.worths}
    worths = {key: given.worths[slug] for key, slug in slugs.items()}
    try:
        services.weigh(of_class, worths, by=caller(request), seen=given.seen)
    except Refused as refused:
        # The service names a challenge by its key, which a caller does not know.
        named = [{**one, "field": slugs[int(one["field"])]} for one in refused.problems if one["field"].isdigit()]
        raise Refused(refused.code, refused.message, refused.status, named or refused.problems) from None
    return columns_out(of_class, queries.table(of_class, page=1, size=1))
