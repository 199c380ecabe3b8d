"""Reads predictions from a model's text: labels leniently, JSON strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_OPENING = re.compile(r"^[\s\"'`*_(\[<:>-]+")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns the object of these pairs. Raises ValueError if a key occurs twice: the object is then ambiguous."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key stands twice")
    return value


# So many characters at the end of a text may be the beginning of a longer token: `-Infinity` has nine, an escape six.
UNFINISHED = 12
_DECODER = json.JSONDecoder()
_STRICT = json.JSONDecoder(object_pairs_hook=_distinct)


def label_at_start(text: str, labels: Sequence[str]) -> str | None:
    """Returns the longest label that `text` starts with, ignoring case and opening quotes and marks, or None."""
    start = _OPENING.sub("", text).casefold()
    for label in sorted(labels, key=len, reverse=True):
        folded = label.casefold()
        if start.startswith(folded) and not start[len(folded) : len(folded) + 1].isalnum():
            return label
    return None


def first_json_object(text: str) -> dict[str, Any] | None:
    """Returns the first complete JSON object in `text`, or None. Text before and after it is ignored."""
    return _object_from(text, 0)[0]


def first_object_end(text: str) -> int | None:
    """Returns the end index of the first JSON object in `text`, or None while following text could still change it."""
    position = text.find("{")
    while position != -1:
        try:
            return _DECODER.raw_decode(text, position)[1]
        except json.JSONDecodeError as error:
            if error.msg.startswith("Unterminated string") or error.pos > len(text) - UNFINISHED:
                return None
        except (ValueError, RecursionError):
            return None
        position = text.find("{", position + 1)
    return None


def only_json_object(text: str) -> dict[str, Any] | None:
    """Returns the only JSON object in `text`; None if there is none, if another follows, or if it has a key twice."""
    value, start, end = _object_from(text, 0)
    if value is None or _object_from(text, end)[0] is not None:
        return None
    try:
        strict: dict[str, Any] = _STRICT.raw_decode(text, start)[0]
    except ValueError:
        return None
    return strict


def _object_from(text: str, start: int) -> tuple[dict[str, Any] | None, int, int]:
    """Returns the first object at or after `start`, with its start and end index."""
    position = text.find("{", start)
    while position != -1:
        try:
            value, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            position = text.find("{", position + 1)
            continue
        return value, position, end
    return None, len(text), len(text)
