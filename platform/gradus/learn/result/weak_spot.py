"""One sentence on where an attempt still fails. It is made from public rows and from marks, never from hidden rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from challenges.shown_score import RIGHT
from gradus.learn.result.rows import OTHER, Cell, Confusion, FieldSummary, SampleRow

FIELDS_NAMED = 3


def weak_spot(
    rows: Sequence[SampleRow],
    confusion: Confusion | None,
    fields: Sequence[FieldSummary],
    marks: Sequence[Mapping[str, Any]],
    *,
    asks_model: bool = True,
) -> str:
    """Returns the sentence, or "" where everything is right or nothing public was graded.

    With `asks_model` false there are no answers: documents were looked up, and nobody has read them.
    """
    wrong = sum(row.mark != RIGHT for row in rows)
    if not wrong:
        return _of_marks(marks)
    if not asks_model:
        return _of_places(wrong, len(rows))
    said = _of_fields(fields, len(rows)) or _of_labels(confusion)
    return said or _of_rows(wrong, len(rows))


def _of_rows(wrong: int, total: int) -> str:
    said = ngettext(
        "On the public samples, %(wrong)s of %(total)s answers is not right.",
        "On the public samples, %(wrong)s of %(total)s answers are not right.",
        wrong,
    )
    return said % {"wrong": wrong, "total": total}


def _of_places(wrong: int, total: int) -> str:
    said = ngettext(
        "For %(wrong)s of %(total)s public samples, what was handed over does not earn the full score.",
        "For %(wrong)s of %(total)s public samples, what was handed over does not earn the full score.",
        wrong,
    )
    return said % {"wrong": wrong, "total": total}


def _of_labels(confusion: Confusion | None) -> str:
    """The largest cell beside the diagonal; of equal ones the first."""
    lines = confusion.rows if confusion else ()
    wrong = [(cell, cells) for _, cells in lines for cell in cells if cell.got != cell.expected and cell.count]
    if not wrong:
        return ""
    cell, cells = max(wrong, key=lambda pair: pair[0].count)
    return _taken(cell, sum(one.count for one in cells))


def _taken(cell: Cell, total: int) -> str:
    named = {"expected": cell.expected, "got": cell.got, "count": cell.count, "total": total}
    if cell.got == str(OTHER):
        return (
            ngettext(
                "“%(expected)s” gets an answer that is none of the labels in %(count)s of %(total)s public sample.",
                "“%(expected)s” gets an answer that is none of the labels in %(count)s of %(total)s public samples.",
                total,
            )
            % named
        )
    return (
        ngettext(
            "“%(expected)s” is taken for “%(got)s” in %(count)s of %(total)s public sample.",
            "“%(expected)s” is taken for “%(got)s” in %(count)s of %(total)s public samples.",
            total,
        )
        % named
    )


def _of_fields(fields: Sequence[FieldSummary], rows: int) -> str:
    """The fields that are not always right, the worst first."""
    weak = sorted((field for field in fields if field.right < rows), key=lambda field: field.right)[:FIELDS_NAMED]
    if not weak:
        return ""
    said = ngettext(
        "On the public samples, this field is not always right: %(fields)s.",
        "On the public samples, these fields are not always right: %(fields)s.",
        len(weak),
    )
    return said % {"fields": ", ".join(_right(field, rows) for field in weak)}


def _right(field: FieldSummary, rows: int) -> str:
    return _("“%(field)s” (%(right)s of %(total)s right)") % {"field": field.name, "right": field.right, "total": rows}


def _of_marks(marks: Sequence[Mapping[str, Any]]) -> str:
    missing = max(marks, key=_missing, default=None)
    if missing is None or _missing(missing) <= 0:
        return ""
    return _("Most points are missing at “%(criterion)s”: %(missing)s of %(most)s.") % {
        "criterion": missing["label"],
        "missing": f"{_missing(missing):g}",
        "most": f"{missing['points_max']:g}",
    }


def _missing(mark: Mapping[str, Any]) -> float:
    return float(mark["points_max"]) - float(mark["points"])
