"""What a learner typed, as it was typed: from a POST, from an earlier attempt, or blank; and the payload in it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, QueryDict

from challenges.rows import RowProblem, read_train, row_lines
from challenges.spec import Challenge, Kind, TrainRow
from gradus.submissions.services import Refused

HYPERPARAMETERS = ("r", "lora_alpha", "learning_rate", "num_train_epochs", "per_device_train_batch_size")
DEFAULTS: dict[str, Any] = {
    "r": 8,
    "lora_alpha": 16,
    "learning_rate": 0.001,
    "num_train_epochs": 3,
    "per_device_train_batch_size": 16,
}
NAMES = {
    "instructions": "Instructions",
    "examples": "Examples",
    "example": "Row template",
    "rows": "Training rows",
    "hyperparameters": "Hyper-parameters",
    "answer": "Answer",
    "kind": "Kind",
}


@dataclass(frozen=True)
class Problem:
    """One line of the list above a form. `line` counts from 1: of the file, or the number of an example."""

    field: str
    message: str
    line: int | None = None
    mend: str = ""


@dataclass(frozen=True)
class Draft:
    """One kind's form. `key` makes a repeated POST of one rendering the same submission."""

    kind: str
    instructions: str = ""
    examples: tuple[tuple[str, str], ...] = ()
    template: str = ""
    rows: str = ""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    key: str = field(default_factory=lambda: str(uuid4()))

    @property
    def words(self) -> int:
        return len(self.answer.split())

    @property
    def example_rows(self) -> tuple[tuple[str, str], ...]:
        """One empty row to write into where there is none."""
        return self.examples or (("", ""),)


def blank(spec: Challenge, kind: str) -> Draft:
    """Where the author lets a learner start."""
    knobs = {name: _shown(value) for name, value in _starting(spec).items()}
    return Draft(kind, spec.prompt.instructions, template=spec.prompt.example, hyperparameters=knobs)


def _starting(spec: Challenge) -> dict[str, Any]:
    """The defaults, moved into the challenge's knobs."""
    if spec.lora is None:
        return DEFAULTS
    found = {}
    for name in HYPERPARAMETERS:
        allowed = getattr(spec.lora.knobs, name)
        default = DEFAULTS[name]
        if name in ("learning_rate", "num_train_epochs"):
            found[name] = min(max(default, allowed[0]), allowed[1])
        else:
            found[name] = default if default in allowed else allowed[-1]
    return found


def from_payload(spec: Challenge, payload: Mapping[str, Any]) -> Draft:
    """An earlier attempt, to start from."""
    knobs = payload.get("hyperparameters", {})
    return Draft(
        kind=payload["kind"],
        instructions=payload.get("instructions", ""),
        examples=tuple((e["input"], e["output"]) for e in payload.get("examples", [])),
        template=payload.get("example") or spec.prompt.example,
        rows=json_lines(payload.get("rows", [])),
        hyperparameters={name: _shown(knobs.get(name, DEFAULTS[name])) for name in HYPERPARAMETERS},
        answer=payload.get("answer", ""),
    )


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def kind_of(spec: Challenge, asked: str | None) -> Kind:
    """The track that was asked for, or the one that passing asks for."""
    return next((kind for kind in spec.tracks if kind == asked), spec.kind)


def from_request(spec: Challenge, request: HttpRequest) -> Draft:
    """What was posted. A chosen file replaces the rows typed; bytes that are not UTF-8 are shown as such."""
    post = request.POST
    return Draft(
        kind=kind_of(spec, post.get("kind")),
        instructions=_lines(post.get("instructions", "")),
        examples=_examples(post),
        template=_lines(post.get("template", spec.prompt.example)),
        rows=rows_bytes(request).decode(errors="replace"),
        hyperparameters={name: post.get(name, "") for name in HYPERPARAMETERS},
        answer=_lines(post.get("answer", "")),
    )


def _examples(post: QueryDict) -> tuple[tuple[str, str], ...]:
    """Rows left empty are not examples."""
    inputs, outputs = post.getlist("example_input"), post.getlist("example_output")
    pairs = [(_lines(one), _lines(other)) for one, other in zip(inputs, outputs, strict=False)]
    return tuple(pair for pair in pairs if pair[0].strip() or pair[1].strip())


def _lines(text: str) -> str:
    """Browsers send CR LF; models read LF."""
    return text.replace("\r\n", "\n")


def rows_bytes(request: HttpRequest) -> bytes:
    upload = request.FILES.get("rows_file")
    if upload is not None:
        return upload.read()
    return _lines(request.POST.get("rows", "")).encode(errors="surrogatepass")


def payload_of(spec: Challenge, draft: Draft, data: bytes) -> dict[str, Any]:
    """The payload that a draft holds; `data` are its training rows as bytes.

    Raises:
        Refused: 422 with a problem per line that cannot be read.
    """
    if draft.kind == Kind.FREE_TEXT:
        return {"kind": draft.kind, "answer": draft.answer}
    if draft.kind == Kind.LORA:
        rows = train_rows(data)
        return {
            "kind": draft.kind,
            "instructions": draft.instructions,
            "rows": [row.model_dump() for row in rows],
            "hyperparameters": _numbers(draft.hyperparameters),
        }
    changed = draft.template != spec.prompt.example and not spec.prompt.locked
    return {
        "kind": draft.kind,
        "instructions": draft.instructions,
        "examples": [{"input": one, "output": other} for one, other in draft.examples],
        "example": draft.template if changed else None,
    }


def train_rows(data: bytes) -> list[TrainRow]:
    """Raises `Refused` where a line cannot be read."""
    rows, problems = read_train(data)
    if problems:
        listed = [_row_problem(problem) for problem in problems]
        raise Refused("bad_rows", "Some training rows cannot be read.", problems=listed)
    return rows


def _row_problem(problem: RowProblem) -> dict[str, Any]:
    message = problem.what[0].upper() + problem.what[1:] + "."
    return {"code": problem.code, "field": "rows_file", "message": message, "line": problem.line, "mend": problem.mend}


def _numbers(texts: Mapping[str, str]) -> dict[str, Any]:
    """Numbers where they are numbers; other texts go on as they are, for the check to name."""
    found: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            found[name] = float(text) if name == "learning_rate" else int(text)
        except ValueError:
            found[name] = text
    return found


def problems_of(refused: Refused, data: bytes = b"") -> list[Problem]:
    """A refusal as lines above a form; the number of a row becomes the line of its file."""
    lines = [number for number, _ in row_lines(data)]
    if not refused.problems:
        return [Problem("", refused.message)]
    return [_problem(item, lines) for item in refused.problems]


def _problem(item: dict[str, Any], lines: list[int]) -> Problem:
    name, line = str(item.get("field", "")), item.get("line")
    head, _, rest = name.partition(".")
    if head == "rows" and line is not None and line <= len(lines):
        line = lines[line - 1]
    where = NAMES.get(head, NAMES["rows"] if head == "rows_file" else head)
    if rest and head == "hyperparameters":
        where = rest
    return Problem(where, str(item.get("message", "")), line, str(item.get("mend", "")))
