"""What is wrong with a form: a list beside its buttons, and each message again beside the field that it is about."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from challenges.check import FieldProblem
from challenges.problems import Problem as FileProblem
from challenges.rows import row_lines
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


# The id of the form's field, where it is not the name of the payload's field.
CONTROLS = {
    "example": "template",
    "examples": "ei-1",
    "label_words": "lw-1",
    "rows_file": "rows",
    "hyperparameters": "num_train_epochs",
    "text": "appeal-text",
    "kind": "",
}


@dataclass(frozen=True)
class Problem:
    """One message about a form. `line` counts from 1: of the file, or the number of an example.

    `control` is the id of the form's field, empty where the message is about none of them.
    """

    field: str
    message: str
    line: int | None = None
    mend: str = ""
    control: str = ""


def as_refusal(problems: Iterable[FieldProblem]) -> Refused:
    """What a submit with these problems would be answered."""
    listed = [asdict(problem) for problem in problems]
    return Refused("bad_payload", "Some fields are not as they should be.", problems=listed)


def of_refusal(refusal: Refused, data: bytes = b"", labels: Sequence[str] = ()) -> list[Problem]:
    """A refusal as messages of a form; the number of a row becomes the line of its file.

    `labels` are the challenge's, in the order of the fields for their words.
    """
    lines = [number for number, _ in row_lines(data)]
    if not refusal.problems:
        return [Problem("", refusal.message)]
    return [_problem(item, lines, labels) for item in refusal.problems]


def _control(item: dict[str, Any], labels: Sequence[str]) -> str:
    head, _, rest = str(item.get("field", "")).partition(".")
    if head == "examples" and item.get("line"):
        of_output = rest.endswith("output") or item.get("code") == "unknown_label"
        return f"{'eo' if of_output else 'ei'}-{item['line']}"
    if head == "label_words" and rest in labels:
        return f"lw-{labels.index(rest) + 1}"
    if head == "hyperparameters" and rest:
        return rest
    return CONTROLS.get(head, head)


def _problem(item: dict[str, Any], lines: list[int], labels: Sequence[str]) -> Problem:
    name, line = str(item.get("field", "")), item.get("line")
    head, _, rest = name.partition(".")
    if head == "rows" and line is not None and line <= len(lines):
        line = lines[line - 1]
    where = NAMES.get(head, NAMES["rows"] if head == "rows_file" else head)
    if rest and head == "hyperparameters":
        where = rest
    return Problem(where, str(item.get("message", "")), line, str(item.get("mend", "")), _control(item, labels))


def of_row(problem: FileProblem) -> dict[str, Any]:
    """A line that cannot be read, as a problem of a refusal."""
    what, mend = (f"{text[0].upper()}{text[1:]}." for text in (problem.what, problem.fix))
    return {"code": problem.code, "field": "rows_file", "message": what, "line": problem.line, "mend": mend}
