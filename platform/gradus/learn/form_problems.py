"""What is wrong with a form: a list beside its buttons, and each message again beside the field that it is about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.field_checks import FieldProblem
from challenges.problems import Problem as FileProblem
from gradus.submissions.services import Refused


@dataclass(frozen=True)
class Problem:
    """One message about a form. `line` counts from 1: of the file, or the number of an example.

    `control` is the id of the form's field, empty where the message is about no single field. `url` is the page of what
    the message names, if it has one.
    """

    field: str
    message: str
    line: int | None = None
    fix: str = ""
    control: str = ""
    url: str = ""


# The titles of fields that every form of an attempt has.
COMMON = {
    "kind": gettext_lazy("Kind"),
    "withdraw_earlier": gettext_lazy("Earlier attempt"),
    "class": gettext_lazy("Class"),
}


@dataclass(frozen=True)
class FormFields:
    """How a form calls the fields of a payload, and where they are.

    `names` are the titles that people read, and `controls` the ids of the form's fields where they are not the names
    of the payload's fields. `lines` are the lines of the training rows, and `labels` the challenge's labels.
    """

    names: Mapping[str, str | Promise] = field(default_factory=dict)
    controls: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[int] = ()
    labels: Sequence[str] = ()

    def name(self, item: Mapping[str, Any]) -> str:
        """The title of the field that a problem is about."""
        head = _head(item)
        return str(self.names.get(head, COMMON.get(head, head)))

    def control(self, item: Mapping[str, Any]) -> str:
        """The id of the form's field that a problem is about; empty where it is about no single field."""
        head = _head(item)
        return "" if head == "kind" else self.controls.get(head, head)


APPEAL = FormFields(names={"text": gettext_lazy("Text")}, controls={"text": "appeal-text"})
CHAT = FormFields(
    names={"text": gettext_lazy("Your text"), "style": gettext_lazy("How the models are asked")},
    controls={"text": "chat-text", "style": "chat-style"},
)
REPORT = FormFields(
    names={"what": gettext_lazy("What is wrong"), "text": gettext_lazy("Description")},
    controls={"what": "report-what", "text": "report-text"},
)


def as_refusal(problems: Iterable[FieldProblem]) -> Refused:
    """What a submit with these problems would be answered."""
    listed = [asdict(problem) for problem in problems]
    return Refused("bad_payload", _("Some fields need a correction."), problems=listed)


def of_refusal(refusal: Refused, fields: FormFields) -> list[Problem]:
    """A refusal as messages of a form; the number of a training row becomes the line of its file."""
    if not refusal.problems:
        return [Problem("", refusal.message)]
    if refusal.code == "class_needed":
        # Its problems are the classes that a program can choose from; the form has a list of them.
        return [_problem({"field": "class", "message": _("Choose the class for which this attempt counts.")}, fields)]
    if refusal.code == "in_flight":
        # Its problems are the attempts that are being graded.
        return [Problem("", refusal.message), *(_problem(item, fields) for item in refusal.problems)]
    return [_problem(item, fields) for item in refusal.problems]


def _problem(item: dict[str, Any], fields: FormFields) -> Problem:
    line = item.get("line")
    if _head(item) == "rows" and line is not None and line <= len(fields.lines):
        line = fields.lines[line - 1]
    message, fix = str(item.get("message", "")), str(item.get("fix", ""))
    return Problem(fields.name(item), message, line, fix, fields.control(item), item.get("url", ""))


def _head(item: Mapping[str, Any]) -> str:
    return str(item.get("field", "")).partition(".")[0]


def of_row(problem: FileProblem) -> dict[str, Any]:
    """A line that cannot be read, as a problem of a refusal."""
    what, fix = (f"{text[0].upper()}{text[1:]}." for text in (problem.what, problem.fix))
    return {"code": problem.code, "field": "rows_file", "message": what, "line": problem.line, "fix": fix}
