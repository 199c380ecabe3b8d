"""One sentence on where an attempt still fails. It is made from public rows and from marks, never from hidden rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from challenges.row_marks import RIGHT
from gradus.learn.results import OTHER, Cell, Confusion, FieldSummary, SampleRow

FIELDS_NAMED = 3


def weak_spot(
    rows: Sequence[SampleRow],
    confusion: Confusion | None,
    fields: Sequence[FieldSummary],
    marks: Sequence[Mapping[str, Any]],
) -> str:
    """Returns the sentence, or "" where everything is right or nothing public was graded."""
    wrong = sum(row.mark != RIGHT for row in rows)
    if not wrong:
        return _of_marks(marks)
    said = _of_fields(fields, len(rows)) or _of_labels(confusion)
    return said or f"On the public samples, {wrong} of {len(rows)} answers are not right."


def _of_labels(confusion: Confusion | None) -> str:
    """The largest cell beside the diagonal; of equal ones the first."""
    lines = confusion.rows if confusion else ()
    wrong = [(cell, cells) for _, cells in lines for cell in cells if cell.got != cell.expected and cell.count]
    if not wrong:
        return ""
    cell, cells = max(wrong, key=lambda pair: pair[0].count)
    return f"{_taken(cell)} in {cell.count} of {sum(one.count for one in cells)} public samples."


def _taken(cell: Cell) -> str:
    if cell.got == OTHER:
        return f"“{cell.expected}” gets an answer that is none of the labels"
    return f"“{cell.expected}” is taken for “{cell.got}”"


def _of_fields(fields: Sequence[FieldSummary], rows: int) -> str:
    """The fields that are not always right, the worst first."""
    weak = sorted((field for field in fields if field.right < rows), key=lambda field: field.right)[:FIELDS_NAMED]
    if not weak:
        return ""
    worst, *more = weak
    said = f"On the public samples, the field “{worst.name}” is right in {worst.right} of {rows}"
    return said + "".join(f", “{field.name}” in {field.right}" for field in more) + "."


def _of_marks(marks: Sequence[Mapping[str, Any]]) -> str:
    missing = max(marks, key=_missing, default=None)
    if missing is None or _missing(missing) <= 0:
        return ""
    return f"Most points are missing at “{missing['label']}”: {_missing(missing):g} of {missing['points_max']:g}."


def _missing(mark: Mapping[str, Any]) -> float:
    return float(mark["points_max"]) - float(mark["points"])
