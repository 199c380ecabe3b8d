"""What is wrong with a form, as lines above it that name the field and the line."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from challenges.check import FieldProblem
from challenges.rows import RowProblem, row_lines
from gradus.submissions.services import Refused

NAMES = {
    "instructions": "Instructions",
    "examples": "Examples",
    "example": "Row template",
    "label_words": "Words for labels",
    "rows": "Training rows",
    "hyperparameters": "Hyper-parameters",
    "answer": "Answer",
    "kind": "Kind",
    "text": "Text",
}


@dataclass(frozen=True)
class Problem:
    """One line of the list above a form. `line` counts from 1: of the file, or the number of an example."""

    field: str
    message: str
    line: int | None = None
    mend: str = ""


def as_refusal(problems: Iterable[FieldProblem]) -> Refused:
    """What a submit with these problems would be answered."""
    listed = [asdict(problem) for problem in problems]
    return Refused("bad_payload", "Some fields are not as they should be.", problems=listed)


def of_refusal(refusal: Refused, data: bytes = b"") -> list[Problem]:
    """A refusal as lines above a form; the number of a row becomes the line of its file."""
    lines = [number for number, _ in row_lines(data)]
    if not refusal.problems:
        return [Problem("", refusal.message)]
    return [_problem(item, lines) for item in refusal.problems]


def _problem(item: dict[str, Any], lines: list[int]) -> Problem:
    name, line = str(item.get("field", "")), item.get("line")
    head, _, rest = name.partition(".")
    if head == "rows" and line is not None and line <= len(lines):
        line = lines[line - 1]
    where = NAMES.get(head, NAMES["rows"] if head == "rows_file" else head)
    if rest and head == "hyperparameters":
        where = rest
    return Problem(where, str(item.get("message", "")), line, str(item.get("mend", "")))


def of_row(problem: RowProblem) -> dict[str, Any]:
    """A line that cannot be read, as a problem of a refusal."""
    what, mend = (f"{text[0].upper()}{text[1:]}." for text in (problem.what, problem.mend))
    return {"code": problem.code, "field": "rows_file", "message": what, "line": problem.line, "mend": mend}
