"""Exports tables as CSV for staff, and records each export as an action of staff.

Only the columns that are listed here are exported. A new field of a model is not exported until somebody adds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from gradus import csv_files
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction
from gradus.submissions.models import Score, Standing, Submission
from gradus.submissions.models.results import has_rank


@dataclass(frozen=True)
class Export:
    """A table to export. `columns` maps each heading to what stands below it: a field, in Django's path notation, or an
    expression.
    """

    model: type[models.Model]
    columns: Mapping[str, str | models.Expression]


def _of(owner: str) -> dict[str, str]:
    return {
        "learner": f"{owner}user__pseudonym",
        "email": f"{owner}user__email",
        "challenge": f"{owner}challenge__slug",
    }


OF_EVALUATION = "evaluation__submission__"
# Nobody has settled a provisional grade, so it is neither passed nor not passed.
SETTLED_PASS = models.Case(models.When(provisional=False, then="passed"), output_field=models.BooleanField(null=True))
EXPORTS = {
    "submissions": Export(
        Submission,
        {"submission": "uuid", **_of(""), "version": "version__version", "kind": "kind", "submitted": "created_at"},
    ),
    "scores": Export(
        Score,
        {
            "submission": f"{OF_EVALUATION}uuid",
            **_of(OF_EVALUATION),
            "kind": f"{OF_EVALUATION}kind",
            "current": "evaluation__is_current",
            "score": "shown",
            "passed": SETTLED_PASS,
            "gold": "gold",
            "provisional": "provisional",
            "verified_by": "verified_by",
            "graded": "created_at",
        },
    ),
    "standings": Export(
        Standing,
        {
            **_of(""),
            "track": "track",
            "score": "shown",
            "passed": SETTLED_PASS,
            "gold": "gold",
            "provisional": "provisional",
            "ranked": models.ExpressionWrapper(has_rank(models.OuterRef("challenge__course")), models.BooleanField()),
            "reached": "reached_at",
        },
    ),
}


@transaction.atomic
def as_csv(name: str, chosen: models.QuerySet[Any] | None = None) -> str:
    """Returns the table `name` of `EXPORTS` as CSV, with headings, the newest row last. Records the export.

    `chosen` are the rows to export; None means all rows.

    Raises:
        KeyError: `EXPORTS` has no table with this name.
    """
    export = EXPORTS[name]
    rows = (export.model._default_manager.all() if chosen is None else chosen).order_by("pk")
    lines = list(rows.values_list(*export.columns.values()))
    staff.note(StaffAction.What.DATA_EXPORTED, name, rows=len(lines), columns=list(export.columns))
    return csv_files.text_of([export.columns, *lines])
