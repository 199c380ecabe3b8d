"""What a learner typed, as it was typed: from a POST, from an earlier attempt, or blank; and the payload in it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, QueryDict
from pydantic import ValidationError

from challenges.check import UPLOAD_BYTES, FieldProblem
from challenges.payloads import Hyperparameters
from challenges.prompts import target_text
from challenges.rows import RowProblem, read_train, row_lines
from challenges.spec import Challenge, Kind, Label, TrainRow
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
    "label_words": "Words for labels",
    "rows": "Training rows",
    "hyperparameters": "Hyper-parameters",
    "answer": "Answer",
    "kind": "Kind",
}


LABELS = {
    "r": "Rank",
    "lora_alpha": "Scaling",
    "learning_rate": "Learning rate",
    "num_train_epochs": "Epochs",
    "per_device_train_batch_size": "Batch size",
}


@dataclass(frozen=True)
class Knob:
    """What may be chosen: one of `choices`, or a number from `low` to `high`."""

    choices: tuple[str, ...] = ()
    low: str = ""
    high: str = ""


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
    label_words: Mapping[str, str] = field(default_factory=dict)
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


def knobs(spec: Challenge) -> list[tuple[str, str, Knob]]:
    """Name, label and range of each hyper-parameter that a learner may set."""
    if spec.lora is None:
        return []
    found = []
    for name in HYPERPARAMETERS:
        allowed = getattr(spec.lora.knobs, name)
        if name == "learning_rate":
            knob = Knob(low=_shown(allowed[0]), high=_shown(allowed[1]))
        elif name == "num_train_epochs":
            knob = Knob(choices=tuple(str(n) for n in range(allowed[0], allowed[1] + 1)))
        else:
            knob = Knob(choices=tuple(_shown(value) for value in allowed))
        found.append((name, LABELS[name], knob))
    return found


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
        label_words=payload.get("label_words", {}),
        rows=json_lines(payload.get("rows", [])),
        hyperparameters={name: _shown(knobs.get(name, DEFAULTS[name])) for name in HYPERPARAMETERS},
        answer=payload.get("answer", ""),
    )


def with_rows(draft: Draft, rows: Iterable[Mapping[str, Any]]) -> Draft:
    return replace(draft, rows=json_lines(rows))


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as text. An output that is a JSON object is written as one, which reads back as the same output."""
    return "".join(json.dumps(_readable(row), ensure_ascii=False) + "\n" for row in rows)


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    output = row.get("output")
    if not isinstance(output, str) or not output.startswith("{"):
        return dict(row)
    try:
        value = json.loads(output)
    except ValueError:
        return dict(row)
    texts = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    return {**row, "output": value} if texts and target_text(value) == output else dict(row)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def kind_of(spec: Challenge, asked: str | None) -> Kind:
    """The track that was asked for, or the one that passing asks for."""
    return next((kind for kind in spec.tracks if kind == asked), spec.kind)


def from_request(spec: Challenge, request: HttpRequest, data: bytes) -> Draft:
    """What was posted; `data` are its training rows, in which bytes that are not UTF-8 are shown as such."""
    post = request.POST
    return Draft(
        kind=kind_of(spec, post.get("kind")),
        instructions=_lines(post.get("instructions", "")),
        examples=_examples(post),
        template=_lines(post.get("template", spec.prompt.example)),
        label_words=dict(zip(labels_of(spec), map(str.strip, post.getlist("label_word")), strict=False)),
        rows=data.decode(errors="replace"),
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


def labels_of(spec: Challenge) -> tuple[str, ...]:
    """The labels that answers are, in the author's order; none where answers are something else."""
    return spec.answer.labels if isinstance(spec.answer, Label) else ()


def rows_bytes(request: HttpRequest) -> bytes:
    """The training rows of a POST, to be read once: a chosen file replaces what was typed."""
    upload = request.FILES.get("rows_file")
    if upload is not None:
        # One byte more than is taken, so that the reader names the fault and a huge file costs no memory.
        data: bytes = upload.read(UPLOAD_BYTES + 1)
        return data
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
            "hyperparameters": hyperparameters(draft),
        }
    changed = draft.template != spec.prompt.example and not spec.prompt.locked
    return {
        "kind": draft.kind,
        "instructions": draft.instructions,
        "examples": [{"input": one, "output": other} for one, other in draft.examples],
        "example": draft.template if changed else None,
        "label_words": {label: word for label, word in draft.label_words.items() if word and word != label},
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


def hyperparameters(draft: Draft) -> dict[str, Any]:
    """Raises `Refused` for what is no number; whether the challenge allows it is checked later."""
    found: dict[str, Any] = {}
    problems = []
    for name, text in draft.hyperparameters.items():
        try:
            found[name] = float(text) if name == "learning_rate" else int(text)
        except ValueError:
            said = f"“{text}” is not a number." if text.strip() else "Choose a value."
            problems.append({"field": f"hyperparameters.{name}", "message": said})
    try:
        Hyperparameters.model_validate(found)
    except ValidationError as error:
        problems += [
            {"field": f"hyperparameters.{item['loc'][0]}", "message": f"{item['msg']}."} for item in error.errors()
        ]
    if problems:
        raise Refused("bad_payload", "Some hyper-parameters are not as they should be.", problems=problems)
    return found


def refused(problems: Iterable[FieldProblem]) -> Refused:
    """What a submit with these problems would be answered."""
    listed = [asdict(problem) for problem in problems]
    return Refused("bad_payload", "Some fields are not as they should be.", problems=listed)


def problems_of(refusal: Refused, data: bytes = b"") -> list[Problem]:
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
