"""Mistakes of a roster or of one of its rows, each with its place, its cause and how to correct it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus.refusal import Refused


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake. `row` is the row number as in a spreadsheet, where the headings are row 1; None for the whole file.

    `column` is the heading as written in the file, and empty if the mistake is not in a single column.
    """

    code: str
    row: int | None
    column: str
    cause: str
    cure: str

    def __str__(self) -> str:
        return f"{self.cause} {self.cure}"

    def as_problem(self) -> dict[str, Any]:
        """Returns the mistake as an entry of the API's problem details."""
        said = {"code": self.code, "field": self.column, "line": self.row, "message": str(self)}
        return {**said, "what": self.cause, "fix": self.cure}


class UnreadableRoster(Refused):
    """Raised if a file cannot be read as a roster at all (422, `bad_roster`)."""

    def __init__(self, *faults: Fault) -> None:
        said = " ".join(str(fault) for fault in faults)
        super().__init__("bad_roster", said, 422, [fault.as_problem() for fault in faults])
        self.faults: Sequence[Fault] = faults


def of_file(code: str, cause: str, cure: str, *, row: int | None = None, column: str = "") -> UnreadableRoster:
    return UnreadableRoster(Fault(code, row, column, cause, cure))


def too_many_rows(most: int) -> UnreadableRoster:
    cause = ngettext("The roster has more than %(most)s row.", "The roster has more than %(most)s rows.", most) % {
        "most": f"{most:,}"
    }
    return of_file("too_many_rows", cause, _("Apply it in several parts, or check whether it is the right file."))
