"""The roster of a class: its people as a table, a preview of what another table would change, and applying it."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema
from pydantic import Field

from gradus.accounts import roles
from gradus.api.auth import Request, caller, requires
from gradus.api.uploads import OCTETS
from gradus.classes import membership
from gradus.classes.models import Class
from gradus.classes.roster import services
from gradus.classes.roster.columns import Form
from gradus.classes.roster.comparison import Outcome, Plan, Step
from gradus.classes.roster.people import Roster, parse

CSV: dict[str, Any] = {"responses": {200: {"description": "OK", "content": {"text/csv": {}}}}}
router = Router(tags=["classes"], auth=requires(roles.DECIDES))


class FaultOut(Schema):
    """What is wrong with a row, and how to correct it."""

    code: str
    column: str = Field(description="The heading as the roster writes it; empty if it is in no single column")
    cause: str
    cure: str


class RosterRowOut(Schema):
    row: int | None = Field(description="Counted from 1 with the headings; null for who is in no row")
    outcome: Outcome = Field(description="A row that is `wrong` or `not_found` changes nothing")
    name: str
    before: dict[str, Any] = Field(description="What changes of the member, as it was")
    after: dict[str, Any] = Field(description="What changes of the member, as it becomes")
    fault: FaultOut | None


class RosterOut(Schema):
    applied: bool = Field(description="False: nothing was changed, these are the outcomes that the rows would have")
    digest: str = Field(description="Send it as `seen` to apply just this; if the class has changed, nothing is")
    form: Form
    encoding: str
    counts: dict[str, int] = Field(description="How many rows or members have each outcome")
    rows: list[RosterRowOut]
    missing: list[str] = Field(description="Learners whom the roster does not name, and who stay")
    new_labels: list[str]
    unread_columns: list[str]
    skipped_rows: list[int] = Field(description="Rows of an export that hold nobody, such as points possible")
    sync_blocked: bool = Field(description="A row is wrong, so `sync` would remove nobody and cannot be applied")


def row_out(step: Step) -> RosterRowOut:
    fault = step.fault
    return RosterRowOut(
        row=step.row,
        outcome=step.outcome,
        name=step.name,
        before=step.before,
        after=step.after,
        fault=FaultOut(code=fault.code, column=fault.column, cause=fault.cause, cure=fault.cure) if fault else None,
    )


def roster_out(roster: Roster, plan: Plan, *, applied: bool) -> RosterOut:
    return RosterOut(
        applied=applied,
        digest=plan.digest,
        form=roster.form,
        encoding=roster.encoding,
        counts=plan.counts,
        rows=[row_out(step) for step in plan.steps],
        missing=list(plan.missing),
        new_labels=list(plan.new_labels),
        unread_columns=list(roster.unread),
        skipped_rows=list(roster.skipped),
        sync_blocked=plan.sync_blocked,
    )


@router.get("/classes/{int:id}/roster", openapi_extra=CSV, auth=requires(roles.SEES_ANSWERS))
def class_roster(request: Request, id: int) -> HttpResponse:
    """Returns the people of the class as CSV, with the columns that a roster has. It can be changed and applied."""
    of_class = get_object_or_404(Class, pk=id)
    membership.refuse_unless(caller(request), of_class, roles.SEES_ANSWERS)
    return HttpResponse(services.as_csv(of_class), content_type="text/csv; charset=utf-8")


@router.post("/classes/{int:id}/roster", response=RosterOut, openapi_extra=OCTETS)
def class_roster_apply(
    request: Request,
    id: int,
    dry_run: Annotated[bool, Query(description="Only say what the roster would change")] = True,
    sync: Annotated[bool, Query(description="Remove learners whom the roster does not name; their work stays")] = False,
    domain: Annotated[str, Query(max_length=253, description="The domain that makes addresses of logins")] = "",
    seen: Annotated[str, Query(pattern="^([0-9a-f]{64})?$", description="The digest of the preview")] = "",
) -> RosterOut:
    """Compares a table with the members of the class and, without `dry_run`, applies it: every row that is not wrong.

    The body is the table as octets: CSV in our own columns, or an export of Canvas or Moodle.
    """
    of_class, by = get_object_or_404(Class, pk=id), caller(request)
    membership.refuse_unless(by, of_class, roles.DECIDES)
    roster = parse(request.body, domain)
    if dry_run:
        return roster_out(roster, services.preview(of_class, roster, by=by, sync=sync), applied=False)
    return roster_out(roster, services.apply(of_class, roster, by=by, sync=sync, seen=seen), applied=True)
