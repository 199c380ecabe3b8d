"""A sentence of an answer with its neighbours, which show whether it claims, asks, reports or mocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from graders.free_text.ballot import find_quote
from graders.free_text.text import sentence_spans


@dataclass(frozen=True)
class Passage:
    """A sentence or line; `before` and `after` are its neighbours, empty at the ends of the answer."""

    sentence: str
    before: str = ""
    after: str = ""


def passages(text: str) -> list[Passage]:
    """All sentences and lines of an answer in order."""
    parts = [text[a:b].strip() for a, b in sentence_spans(text)]
    return [
        Passage(part, parts[n - 1] if n else "", parts[n + 1] if n + 1 < len(parts) else "")
        for n, part in enumerate(parts)
    ]


def around(quotes: Iterable[str], text: str) -> list[Passage]:
    """The sentences that contain verbatim quotes of an answer, each once, in the order of the answer."""
    found = [span for quote in quotes if (span := find_quote(quote, text)) is not None]
    kept = passages(text)
    spans = [(a, b) for a, b in sentence_spans(text)]
    return [
        passage
        for passage, (start, end) in zip(kept, spans, strict=True)
        if any(start < b and a < end for a, b in found)
    ]
