"""Reads JSON Lines from strangers: every fault becomes a problem with a line number, and nothing is raised."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from challenges.characters import broken_texts
from challenges.nesting import too_deep
from challenges.problems import Problem

Row = TypeVar("Row")
PROBLEMS_MAX = 100


@dataclass(frozen=True)
class RowLimits:
    """How large an uploaded JSON Lines file, and each of its rows, may be."""

    bytes_max: int = 2 * 1024 * 1024
    rows_max: int = 2000
    row_bytes_max: int = 8 * 1024


class Fault(Exception):
    """A row parser refuses one row. It becomes a `Problem` once the line number is known."""

    def __init__(self, code: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.code, self.what, self.fix = code, what, fix

    def at(self, line: int) -> Problem:
        """The problem of the row in this line (from 1)."""
        return Problem("", line, self.what, self.fix, self.code)


def read_rows(
    data: bytes, parse: Callable[[dict[str, Any]], Row], limits: RowLimits
) -> tuple[list[Row], list[Problem]]:
    """Parses each non-blank line of `data` as one JSON object and hands it to `parse`, which may raise `Fault`.

    Returns the good rows in order and at most `PROBLEMS_MAX` problems. Raises nothing.
    """
    rows: list[Row] = []
    problems: list[Problem] = []
    if len(data) > limits.bytes_max:
        what = f"the file has {len(data):,} bytes; {limits.bytes_max:,} are allowed"
        return rows, [Fault("too_long", what, "remove rows or shorten them").at(1)]
    for count, (line, raw) in enumerate(row_lines(data), 1):
        if count > limits.rows_max:
            fix = f"keep {limits.rows_max:,} rows at most"
            problems.append(Fault("too_many_rows", f"more than {limits.rows_max:,} rows", fix).at(line))
            break
        try:
            rows.append(parse(_object(raw, limits)))
        except Fault as fault:
            problems.append(fault.at(line))
        if len(problems) >= PROBLEMS_MAX:
            last = Fault("too_many_problems", "the rest was not read", "correct the rows above first")
            problems.append(last.at(line))
            break
    return rows, problems


def row_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields `(line number, bytes)` of each line that is not blank. A line ends at a line feed only (JSON Lines)."""
    for number, raw in enumerate(data.split(b"\n"), 1):
        if raw.strip():
            yield number, raw


def _object(raw: bytes, limits: RowLimits) -> dict[str, Any]:
    if len(raw) > limits.row_bytes_max:
        what = f"the row has {len(raw):,} bytes; {limits.row_bytes_max:,} are allowed"
        raise Fault("row_too_long", what, "shorten it or split it")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise Fault("bom", "the row starts with a byte order mark", "save the file as UTF-8 without BOM")
    try:
        text = raw.decode("utf-8")
        if too_deep(text):
            raise Fault("too_deep", "the row is nested too deeply", "rows are flat objects of texts")
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise Fault("not_utf8", f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        what = f"not valid JSON at column {error.colno}: {error.msg}"
        raise Fault("not_json", what, "write one complete JSON object on each line") from error
    except ValueError as error:
        raise Fault("not_json", "a number is too long", "put it in quotes, as text") from error
    if not isinstance(value, dict):
        raise Fault("not_object", "the row is not a JSON object", 'write it as {"...": "..."}')
    _refuse_broken(value)
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise Fault("duplicate_key", "a key stands twice in one object", "keep one of them")
    return row


def _constant(name: str) -> float:
    raise Fault("not_json", f"{name} is not JSON", "write a number, or a text in quotes")


def _refuse_broken(value: Any) -> None:
    for _, _ in broken_texts(value):
        what = "a text holds NUL, another control character, or half of a character"
        raise Fault("control_character", what, "remove it; only tab and line breaks are allowed")
