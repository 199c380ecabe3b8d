"""A case of hostile input: the requests to the web form and to the API, and how each must end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LABELS = ("sea", "sky")
TEMPLATE = "Thing: {input}\nPlace: {output}"
KNOBS = {
    "r": "8",
    "lora_alpha": "16",
    "learning_rate": "0.001",
    "num_train_epochs": "2",
    "per_device_train_batch_size": "16",
}
# refused: a 4xx status, or `rejected` by the worker. taken: harmless text, which is graded and shown escaped. ignored:
# accepted, but the hostile part is not stored.
End = Literal["refused", "taken", "ignored"]
Form = list[tuple[str, bytes]]
JSON = "application/json"


@dataclass(frozen=True)
class Send:
    """A request: a form with files as (field name, file name, content, type), or a raw body."""

    form: Form = field(default_factory=list)
    files: tuple[tuple[str, str, bytes, str], ...] = ()
    body: bytes | None = None
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    twice: bool = False


@dataclass(frozen=True)
class Case:
    """A case; `mark` is the part of the input that must come back escaped, or not at all if the case is `ignored`."""

    category: str
    name: str
    web: Send
    api: Send
    slug: str = "sea-or-sky"
    web_end: End = "refused"
    api_end: End = "refused"
    mark: str = ""

    @property
    def sends(self) -> Iterator[tuple[str, Send, End]]:
        yield "web", self.web, self.web_end
        yield "api", self.api, self.api_end


def raw(text: Any) -> bytes:
    """The JSON bytes that a client would send, including lone surrogates."""
    return text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogatepass")


def form(fields: Mapping[str, Any]) -> Form:
    pairs: Form = []
    for name, value in fields.items():
        pairs += [(name, raw(one)) for one in (value if isinstance(value, list | tuple) else [value])]
    return pairs


def prompt(category: str, name: str, *, headers: Mapping[str, str] | None = None, **fields: Any) -> Case:
    """A case with a prompt; `fields` are fields of the payload, or `web_end`, `api_end` and `mark`."""
    ends = {key: fields.pop(key) for key in ("web_end", "api_end", "mark") if key in fields}
    payload = {"kind": "prompt", "instructions": "Sea or sky?", "examples": [], **fields}
    pairs = [(e["input"], e["output"]) for e in payload["examples"]]
    words = payload.get("label_words", {})
    web = {
        "kind": "prompt",
        "instructions": payload["instructions"],
        "example_input": [one for one, _ in pairs],
        "example_output": [other for _, other in pairs],
        "template": payload.get("example", TEMPLATE),
        "label_word": [words.get(label, "") for label in LABELS],
    }
    api = Send(body=json.dumps(payload).encode(), content_type=JSON, headers=headers or {})
    return Case(category, name, Send(form(web)), api, **ends)


def answer(category: str, name: str, text: str, **ends: Any) -> Case:
    """A case with a free-text answer."""
    web = Send(form({"kind": "free_text", "answer": text}))
    body = json.dumps({"kind": "free_text", "answer": text}).encode()
    return Case(category, name, web, Send(body=body, content_type=JSON), slug="explain", **ends)


def lora(category: str, name: str, rows: bytes, *, knobs: Mapping[str, Any] | None = None, **rest: Any) -> Case:
    """A case with training rows: as text or file for the web form, and as a JSON list for the API."""
    file_name, file_type = rest.pop("file_name", "rows.jsonl"), rest.pop("file_type", "application/jsonl")
    members = b",".join(line for line in rows.split(b"\n") if line.strip())
    chosen = json.dumps(dict(knobs or {})).encode()
    body = b'{"kind":"tune","rows":[' + members + b'],"hyperparameters":' + chosen + b"}"
    web = {"kind": "tune", "instructions": "", "rows": "", **KNOBS, **{k: shown(v) for k, v in (knobs or {}).items()}}
    files = (("rows_file", file_name, rows, file_type),)
    api = rest.pop("api", Send(body=body, content_type=JSON))
    return Case(category, name, Send(form(web), files), api, **rest)


def shown(value: Any) -> str:
    """A JSON value as the text of a form field."""
    return value if isinstance(value, str) else json.dumps(value)


def row(one: Any = "a heron", other: Any = "sky") -> bytes:
    return json.dumps({"input": one, "output": other}).encode()
