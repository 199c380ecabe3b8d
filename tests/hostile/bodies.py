"""Requests that are not valid payloads: wrong JSON, content types and encodings, missing and unknown fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.hostile.case import JSON, Case, Send, form

ANSWERS: list[Any] = [None, True, 0, 1.5, -1, "x", "", [], {}, ["x"], {"x": "y"}, [[[]]]]
FIELDS = ("kind", "instructions", "examples", "example", "label_words")


def raw_bodies() -> Iterator[Case]:
    """The same invalid bytes for the API and for the form."""
    bodies = [b"", b"{", b"}", b"[]", b"null", b'"prompt"', b"0", b"{}", b'{"kind":"prompt"', b'{"kind":"prompt",}']
    bodies += [b'{"kind":"prompt"}{}', b"{'kind':'prompt'}", b'{"kind":"prompt","kind":"tune"}']
    bodies += [b'{"kind":"prompt","instructions":NaN}', b'{"kind":"prompt","x":' + b"9" * 5000 + b"}"]
    bodies += [b'{"kind":"prompt","instructions":"\xff"}', b'\xef\xbb\xbf{"kind":"prompt"}']
    bodies += ['{"kind":"prompt"}'.encode("utf-16"), '{"kind":"prompt"}'.encode("utf-32")]
    bodies += [b'{"kind":"prompt","x":' + b"[" * 100_000, b'{"a":' * 100_000, b"kind=prompt&instructions=x"]
    bodies += [b"<?xml version='1.0'?><kind>prompt</kind>", b"\x80\x04\x95."]
    bodies += [b"--x\r\nContent-Disposition: form-data\r\n\r\n", b"\x1f\x8b\x08\x00"]
    for number, body in enumerate(bodies):
        for content_type in (JSON, "text/plain", "multipart/form-data", "multipart/form-data; boundary=x"):
            send = Send(body=body, content_type=content_type)
            yield Case("bodies and content types", f"body {number} as {content_type}", send, send)


def charsets() -> Iterator[Case]:
    for name in ("utf-16", "utf-7", "rot13", "zip", "hex", "undefined", "idna", "unicode_escape", "latin-1", "no-such"):
        for base in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            body = b"instructions=x" if "urlencoded" in base else b"--x--\r\n"
            send = Send(body=body, content_type=f"{base}; charset={name}")
            yield Case("bodies and content types", f"{base} in {name}", send, send)


def typed_fields() -> Iterator[Case]:
    """A value of a wrong type in each field for the API; for the form, a row without the value of that field."""
    for name in FIELDS:
        for number, value in enumerate(ANSWERS):
            if accepted(name, value):
                continue
            body = json.dumps({"kind": "prompt", name: value}).encode()
            web = form({"kind": "prompt", "template": json.dumps(value)})
            yield Case("wrong types", f"{name} {number}", Send(web), Send(body=body, content_type=JSON))
    for number, value in enumerate(ANSWERS):
        for name, inner in (("input", {"input": value, "output": "sea"}), ("output", {"input": "a", "output": value})):
            if isinstance(value, str) and value:
                continue
            body = json.dumps({"kind": "prompt", "examples": [inner]}).encode()
            web = form({"kind": "prompt", "example_input": "a", "example_output": json.dumps(value)})
            yield Case("wrong types", f"examples.{name} {number}", Send(web), Send(body=body, content_type=JSON))
        body = json.dumps({"kind": "prompt", "examples": [value]}).encode()
        web = form({"kind": "prompt", "example_input": json.dumps(value), "example_output": "ocean"})
        yield Case("wrong types", f"an example {number}", Send(web), Send(body=body, content_type=JSON))


def accepted(name: str, value: Any) -> bool:
    empty = {"instructions": "", "examples": [], "example": None, "label_words": {}}
    return name in empty and (value == empty[name] or (name == "instructions" and isinstance(value, str)))


def fields() -> Iterator[Case]:
    """Missing fields and unknown fields."""
    for number, payload in enumerate(
        [
            {},
            {"instructions": "x"},
            {"kind": ""},
            {"kind": "poem"},
            {"kind": "PROMPT"},
            {"kind": "free_text", "answer": "x y z a b c"},
            {"kind": "tune"},
            {"kind": "tune", "rows": []},
            {"kind": "tune", "rows": None},
            {"kind": "tune", "method": ["lora"], "rows": [{"input": "a", "output": "sea"}]},
            {"kind": "tune", "method": {"lora": 1}, "rows": [{"input": "a", "output": "sea"}]},
            {"kind": "tune", "method": "dpo", "rows": [{"prompt": "a", "chosen": "sea", "rejected": "sky"}]},
            {"kind": "tune", "method": "full", "rows": [{"input": "a", "output": "sea"}], "hyperparameters": []},
            {"kind": "prompt", "examples": [{"input": "a"}]},
            {"kind": "prompt", "examples": [{"output": "sea"}]},
            {"kind": "prompt", "answer": "x"},
            {"kind": "prompt", "score": 1.0},
            {"kind": "prompt", "user": 1},
            {"kind": "prompt", "examples": [{"input": "a", "output": "sea", "id": 1}]},
            {"kind": "prompt", "hyperparameters": {}},
            {"payload": {"kind": "prompt"}},
            [{"kind": "prompt"}],
        ]
    ):
        names = (
            {k: v for k, v in payload.items() if k != "kind" and isinstance(v, str)}
            if isinstance(payload, dict)
            else {}
        )
        send = Send(form({**names, "verdict": "passed"}))
        body = json.dumps(payload).encode()
        yield Case("missing and strange fields", f"payload {number}", send, Send(body=body, content_type=JSON))


def headers() -> Iterator[Case]:
    """Hostile headers with a payload that is too long, so that the answer must be about the payload."""
    long = json.dumps({"kind": "prompt", "instructions": "x" * 2001}).encode()
    web = form({"kind": "prompt", "instructions": "x" * 2001})
    for number, (name, value) in enumerate(
        [
            ("Accept", "x" * 100_000),
            ("Accept-Language", "xx-" * 10_000),
            ("Accept-Language", "../../etc/passwd"),
            ("Cookie", "sessionidx=" + "x" * 50_000),
            ("Referer", "javascript:alert(1)"),
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-For", "127.0.0.1, " * 1000),
            ("X-HTTP-Method-Override", "DELETE"),
            ("Content-Encoding", "gzip"),
            ("Range", "bytes=0-18446744073709551615"),
            ("If-None-Match", '"' + "x" * 10_000 + '"'),
            ("Last-Event-ID", "9" * 5000),
            ("User-Agent", "() { :; }; touch /tmp/gradus-hostile"),
            ("X-Request-ID", "${jndi:ldap://127.0.0.1/a}\x1b[2J"),
        ]
    ):
        yield Case(
            "hostile headers",
            f"header {number}",
            Send(web, headers={name: value}),
            Send(body=long, content_type=JSON, headers={name: value}),
        )


def cases() -> Iterator[Case]:
    for part in (raw_bodies, charsets, typed_fields, fields, headers):
        yield from part()
