"""The calls about the roster of a class: downloading it, previewing the changes of a new one, and applying it."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from gradus.accounts import roles
from gradus.api.auth import Request, caller, requires
from gradus.api.teaching.shared import class_of
from gradus.api.uploads import OCTETS
from gradus.classes.roster import services
from gradus.classes.roster.columns import Form
from gradus.classes.roster.comparison import Outcome, Plan
from gradus.classes.roster.people import Roster, parse
from gradus.classes.roster.reading import ENCODINGS
from gradus.refusal import wrong

CSV: dict[str, Any] = {"responses": {200: {"description": "OK", "content": {"text/csv": {}}}}}
router = Router(tags=["classes"], auth=requires(roles.DECIDES))


class FaultOut(Schema):
    """A mistake in a row, with its cause and how to correct it."""

    code: str
    column: str = Field(
        description="The heading as written in the roster; empty if the mistake is not in a single column"
    )
    cause: str
    cure: str


class RosterRowOut(Schema):
    row: int | None = Field(
        description="The number of the row, where the headings are row 1; null for a member in no row"
    )
    outcome: Outcome = Field(description="A row that is `wrong` or `not_found` changes nothing")
    name: str
    before: dict[str, Any] = Field(description="The fields of the member that change, with their values before")
    after: dict[str, Any] = Field(description="The same fields with their values after the change")
    fault: FaultOut | None


class RosterOut(Schema):
    applied: bool = Field(description="False if this is a preview, so that nothing was changed")
    seen: str = Field(description="Identifies this preview. Send it back as `seen` to apply exactly what it shows")
    form: Form
    encoding: str
    counts: dict[str, int] = Field(description="How many rows or members have each outcome")
    rows: list[RosterRowOut]
    missing: list[str] = Field(description="The learners who are not in the roster and stay in the class")
    new_labels: list[str]
    unread_columns: list[str]
    skipped_rows: list[int] = Field(
        description="Rows of an export that are not about a person, such as “Points Possible”"
    )
    sync_blocked: bool = Field(description="True if `sync` cannot be applied, because a row is wrong")


def roster_out(roster: Roster, plan: Plan, *, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        "seen": plan.digest,
        "form": roster.form,
        "encoding": roster.encoding,
        "counts": plan.counts,
        "rows": plan.steps,
        "missing": plan.missing,
        "new_labels": plan.new_labels,
        "unread_columns": roster.unread,
        "skipped_rows": roster.skipped,
        "sync_blocked": plan.sync_blocked,
    }


@router.get("/classes/{int:id}/roster", openapi_extra=CSV, auth=requires(roles.SEES_ANSWERS))
def class_roster(request: Request, id: int) -> HttpResponse:
    """Returns the members as a CSV file with the columns of a roster. The file can be edited and applied again."""
    return HttpResponse(services.as_csv(class_of(request, id)), content_type="text/csv; charset=utf-8")


@router.post("/classes/{int:id}/roster", response=RosterOut, openapi_extra=OCTETS)
def class_roster_apply(
    request: Request,
    id: int,
    dry_run: Annotated[bool, Query(description="Only preview the changes")] = True,
    sync: Annotated[bool, Query(description="Remove learners who are not in the roster; their work is kept")] = False,
    domain: Annotated[
        str,
        Query(max_length=253, description="The domain that turns logins into email addresses, such as `example.org`"),
    ] = "",
    encoding: Annotated[
        str,
        Query(
            pattern=f"^({'|'.join(ENCODINGS)})?$",
            description=f"The encoding of the file: {', '.join(ENCODINGS)}. Empty: as its bytes say",
        ),
    ] = "",
    seen: Annotated[
        str,
        Query(
            pattern="^([0-9a-f]{64})?$",
            description="The `seen` of the preview, needed if `dry_run` is false. 409 `changed_meanwhile` if something "
            "else would change now",
        ),
    ] = "",
) -> dict[str, Any]:
    """Compares a roster with the members of the class and, if `dry_run` is false, applies what a preview has shown.

    Rows that are wrong or find nobody change nothing. With `sync`, one such row stops the whole roster. The body is
    the file as bytes: a CSV file with Gradus' own columns, or an export of Canvas or Moodle.
    """
    of_class, by = class_of(request, id, roles.DECIDES), caller(request)
    roster = parse(request.body, domain, encoding)
    if dry_run:
        return roster_out(roster, services.preview(of_class, roster, by=by, sync=sync), applied=False)
    if not seen:
        raise wrong("seen", _("Preview the roster first, and send the `seen` of the preview."), "preview_needed")
    return roster_out(roster, services.apply(of_class, roster, by=by, sync=sync, seen=seen), applied=True)
