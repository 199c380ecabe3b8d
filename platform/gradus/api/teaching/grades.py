"""The calls about the gradebook: grades as JSON or files, overrides and points. People outside the class get 404."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import Field

from gradus.accounts import roles
from gradus.accounts.token_rules import Scope
from gradus.api.auth import Request, caller, requires
from gradus.classes import membership
from gradus.classes.models import Class
from gradus.gradebook import downloads, queries, services
from gradus.gradebook.models import REASON_CHARS
from gradus.gradebook.queries import Wanted
from gradus.gradebook.table import Cell, Line, State, Table
from gradus.refusal import Refused

Format = Literal["json", "canvas", "moodle", "wide", "long"]

# The range of primary keys in the database.
Key = Annotated[int, Field(ge=1, lt=2**63)]


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
    late: bool
    waits: bool = Field(description="Whether an attempt waits for a person's decision")
    released: bool = Field(description="Whether the learner sees the grade")
    submitted_at: datetime | None
    override: int | None = Field(description="The key of the override in force; send it back as `seen`")
    reason: str = Field(description="The reason of the override")


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


class GradesOut(Schema):
    """A page of the gradebook. `notes` list the learners and grades that the files for Canvas and Moodle omit."""

    challenges: list[ColumnOut]
    learners: list[LearnerOut]
    count: int
    page: int
    pages: int
    notes: list[str]


class OverrideIn(Schema):
    """One override, excuse or clearing that is applied to each of these learners at a challenge."""

    members: list[Key] = Field(min_length=1, max_length=1000, description="The keys of learners of the class")
    challenge: str
    kind: Literal["value", "excused", "cleared"] = Field(
        description="`value` sets points, `excused` excuses the learner, `cleared` ends either of them"
    )
    value: float | None = Field(None, description="The points, if the kind is `value`")
    reason: str = Field("", max_length=REASON_CHARS, description="Required unless the kind is `cleared`")
    seen: str = Field(
        "",
        max_length=20,
        description="The key of the override that the caller saw, or `none`; 409 if it has changed",
    )


class OverridesOut(Schema):
    learners: list[LearnerOut]


class WorthsIn(Schema):
    worths: dict[str, float] = Field(description="The maximum points by challenge; omitted challenges keep theirs")


def number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def cell_out(challenge: str, cell: Cell) -> CellOut:
    return CellOut(
        challenge=challenge,
        state=cell.state,
        points=number(cell.points),
        computed=number(cell.computed),
        score=number(cell.score),
        credit=number(cell.credit),
        attempts=cell.attempts,
        late=cell.is_late,
        waits=cell.waits,
        released=cell.is_shown,
        submitted_at=cell.submitted_at,
        override=cell.override,
        reason=cell.reason,
    )


def learner_out(line: Line, slugs: list[str]) -> LearnerOut:
    person, total = line.person, line.total
    return LearnerOut(
        member=person.member,
        name=person.name,
        email=person.email,
        login=person.login,
        registration_number=person.registration_number,
        labels=list(person.labels),
        state=person.state,
        points=float(total.points),
        possible=float(total.possible),
        missing=total.missing,
        cells=[cell_out(slug, cell) for slug, cell in zip(slugs, line.cells, strict=True)],
    )


def columns_out(of_class: Class, table: Table) -> list[ColumnOut]:
    released = queries.released(of_class, [column.challenge for column in table.columns])
    return [
        ColumnOut(
            challenge=one.slug,
            title=one.title,
            worth=float(one.worth),
            average=number(one.average),
            graded=one.graded,
            released=one.challenge in released,
        )
        for one in table.columns
    ]


router = Router(tags=["classes"], auth=requires(roles.SEES_ANSWERS))


def class_of(request: Request, id: int, need: Scope = roles.SEES_ANSWERS) -> Class:
    """Returns the class. Raises `Http404` or `Refused` (403) if the caller may not do this in it."""
    found = get_object_or_404(Class.objects.select_related("course"), pk=id)
    membership.refuse_unless(caller(request), found, need)
    return found


def label_named(of_class: Class, name: str) -> int | None:
    if not name:
        return None
    found = of_class.labels.filter(name__iexact=name).first()
    if found is None:
        said = _("The class has no label of this name.")
        raise Refused("no_such_label", said, 422, [{"code": "no_such_label", "field": "label", "message": said}])
    return found.pk


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
) -> GradesOut | HttpResponse:
    """Returns a page of the gradebook as JSON, or all of it as a CSV file.

    `canvas` and `moodle` have released grades only, `wide` and `long` all of them. `label` and `search` select
    learners, and `left` adds those who have left.
    """
    of_class = class_of(request, id)
    wanted = Wanted(label=label_named(of_class, label), search=search, left=left)
    if format != "json":
        made = downloads.written(of_class, format, wanted, by=caller(request))
        return downloads.response(of_class, format, made)
    table = queries.table(of_class, wanted, page=page, size=size)
    slugs = [column.slug for column in table.columns]
    return GradesOut(
        challenges=columns_out(of_class, table),
        learners=[learner_out(line, slugs) for line in table.lines],
        count=table.count,
        page=table.page.number if table.page else 1,
        pages=table.page.paginator.num_pages if table.page else 1,
        notes=downloads.notes(of_class, wanted, table.columns),
    )


@router.post("/classes/{int:id}/overrides", response={201: OverridesOut}, auth=requires(roles.DECIDES))
def class_override(request: Request, id: int, given: OverrideIn) -> Status[OverridesOut]:
    """Sets points for learners, excuses them, or clears either. If one learner is refused, nothing is changed."""
    of_class = class_of(request, id, roles.DECIDES)
    members = services.members_with(of_class, given.members)
    challenge = services.challenge_named(of_class, given.challenge)
    by = caller(request)
    match given.kind:
        case "excused":
            services.excuse(members, challenge, by=by, reason=given.reason, seen=given.seen)
        case "cleared":
            services.clear(members, challenge, by=by, seen=given.seen)
        case _value:
            services.override(members, challenge, by=by, value=given.value, reason=given.reason, seen=given.seen)
    table = queries.table(of_class, Wanted(left=True, members=tuple(given.members)))
    slugs = [column.slug for column in table.columns]
    return Status(201, OverridesOut(learners=[learner_out(line, slugs) for line in table.lines]))


@router.put("/classes/{int:id}/worths", response=list[ColumnOut], auth=requires(roles.DECIDES))
def class_weigh(request: Request, id: int, given: WorthsIn) -> list[ColumnOut]:
    """Sets how many points challenges are worth, and returns all columns of the gradebook."""
    of_class = class_of(request, id, roles.DECIDES)
    worths = {services.challenge_named(of_class, slug).pk: worth for slug, worth in given.worths.items()}
    services.weigh(of_class, worths, by=caller(request))
    return columns_out(of_class, queries.table(of_class, page=1, size=1))
