"""What a learner typed, as it was typed: from a POST, from an earlier attempt, or blank; and the payload in it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, QueryDict

from challenges.check import UPLOAD_BYTES
from challenges.nesting import too_deep
from challenges.prompts import target_text
from challenges.rows import read_train
from challenges.spec import Challenge, Kind, Label, TrainRow
from gradus.learn import form_problems as problems
from gradus.learn import knobs
from gradus.submissions.services import Refused


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
    start = {name: knobs.shown(value) for name, value in knobs.starting(spec).items()}
    return Draft(kind, spec.prompt.instructions, template=spec.prompt.example, hyperparameters=start)


def from_payload(spec: Challenge, payload: Mapping[str, Any]) -> Draft:
    """An earlier attempt, to start from."""
    chosen = payload.get("hyperparameters", {})
    return Draft(
        kind=payload["kind"],
        instructions=payload.get("instructions", ""),
        examples=tuple((e["input"], e["output"]) for e in payload.get("examples", [])),
        template=payload.get("example") or spec.prompt.example,
        label_words=payload.get("label_words", {}),
        rows=json_lines(payload.get("rows", [])),
        hyperparameters={name: knobs.shown(chosen.get(name, knobs.DEFAULTS[name])) for name in knobs.NAMES},
        answer=payload.get("answer", ""),
    )


def with_rows(draft: Draft, rows: Iterable[Mapping[str, Any]]) -> Draft:
    return replace(draft, rows=json_lines(rows))


def before_starter(draft: Draft, request: HttpRequest) -> Draft:
    """The rows and epochs that the starter rows took the place of."""
    epochs = request.POST.get("epochs_before", draft.hyperparameters.get("num_train_epochs", ""))
    return replace(
        draft,
        rows=with_line_feeds(request.POST.get("rows_before", draft.rows)),
        hyperparameters={**draft.hyperparameters, "num_train_epochs": epochs},
    )


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as text. An output that is a JSON object is written as one, which reads back as the same output."""
    return "".join(json.dumps(_readable(row), ensure_ascii=False) + "\n" for row in rows)


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    output = row.get("output")
    if not isinstance(output, str) or not output.startswith("{") or too_deep(output):
        return dict(row)
    try:
        value = json.loads(output)
    except ValueError:
        return dict(row)
    texts = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    return {**row, "output": value} if texts and target_text(value) == output else dict(row)


def kind_of(spec: Challenge, asked: str | None) -> Kind:
    """The track that was asked for, or the one that passing asks for."""
    return next((kind for kind in spec.tracks if kind == asked), spec.kind)


def from_request(spec: Challenge, request: HttpRequest, data: bytes) -> Draft:
    """What was posted; `data` are its training rows, in which bytes that are not UTF-8 are shown as such."""
    post = request.POST
    return Draft(
        kind=kind_of(spec, post.get("kind")),
        instructions=with_line_feeds(post.get("instructions", "")),
        examples=_examples(post),
        template=with_line_feeds(post.get("template", spec.prompt.example)),
        label_words=dict(zip(labels_of(spec), map(str.strip, post.getlist("label_word")), strict=False)),
        rows=data.decode(errors="replace"),
        hyperparameters={name: post.get(name, "") for name in knobs.NAMES},
        answer=with_line_feeds(post.get("answer", "")),
    )


def expect_whole(request: HttpRequest) -> None:
    """Raises `Refused` for what is no form of ours: without `kind`, a blank attempt would be spent."""
    if "kind" not in request.POST:
        said = "The form did not arrive whole: reload the page, and send it from there."
        raise Refused("bad_form", said, problems=[{"code": "bad_form", "field": "kind", "message": said}])


def _examples(post: QueryDict) -> tuple[tuple[str, str], ...]:
    """Rows left empty are not examples."""
    inputs, outputs = post.getlist("example_input"), post.getlist("example_output")
    pairs = [(with_line_feeds(one), with_line_feeds(other)) for one, other in zip(inputs, outputs, strict=False)]
    return tuple(pair for pair in pairs if pair[0].strip() or pair[1].strip())


def with_line_feeds(text: str) -> str:
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
    return with_line_feeds(request.POST.get("rows", "")).encode(errors="surrogatepass")


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
            "hyperparameters": knobs.numbers(draft.hyperparameters),
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
    rows, unread = read_train(data)
    if unread:
        listed = [problems.of_row(problem) for problem in unread]
        raise Refused("bad_rows", "Some training rows cannot be read.", problems=listed)
    return rows
