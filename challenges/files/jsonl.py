"""Reads JSON Lines from strangers: every fault becomes a problem with a line number, and nothing is raised."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from challenges.characters import broken_texts, is_broken
from challenges.files.json_mistakes import of_file, of_line
from challenges.files.nesting import too_deep
from challenges.problems import Problem
from challenges.translation import gettext

Parsed = TypeVar("Parsed")
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
    data: bytes, parse: Callable[[dict[str, Any]], Parsed], limits: RowLimits
) -> tuple[list[Parsed], list[Problem]]:
    """Parses each non-blank line of `data` as one JSON object and hands it to `parse`, which may raise `Fault`.

    Returns the good rows in order and at most `PROBLEMS_MAX` problems. Raises nothing.
    """
    rows: list[Parsed] = []
    problems: list[Problem] = []
    if len(data) > limits.bytes_max:
        what = gettext("the file has %(count)s bytes; %(most)s are allowed")
        what %= {"count": f"{len(data):,}", "most": f"{limits.bytes_max:,}"}
        return rows, [Fault("too_long", what, gettext("remove rows, or shorten them")).at(1)]
    if (wrong := of_file(data)) is not None:
        return rows, [Fault("not_json_lines", *wrong).at(1)]
    for count, (line, raw) in enumerate(row_lines(data), 1):
        if count > limits.rows_max:
            most = {"most": f"{limits.rows_max:,}"}
            what = gettext("the file has more than %(most)s rows") % most
            problems.append(Fault("too_many_rows", what, gettext("keep %(most)s rows at most") % most).at(line))
            break
        try:
            rows.append(parse(_object(raw, limits)))
        except Fault as fault:
            problems.append(fault.at(line))
        if len(problems) >= PROBLEMS_MAX:
            fix = gettext("correct the rows above first")
            problems.append(Fault("too_many_problems", gettext("the remaining rows were not read"), fix).at(line))
            break
    return rows, problems


def row_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields `(line number, bytes)` of each line that is not blank. A line ends at a line feed only (JSON Lines)."""
    for number, raw in enumerate(data.split(b"\n"), 1):
        if raw.strip():
            yield number, raw


def _object(raw: bytes, limits: RowLimits) -> dict[str, Any]:
    if len(raw) > limits.row_bytes_max:
        what = gettext("the row has %(count)s bytes; %(most)s are allowed")
        what %= {"count": f"{len(raw):,}", "most": f"{limits.row_bytes_max:,}"}
        raise Fault("row_too_long", what, gettext("shorten it, or split it"))
    if raw.startswith(b"\xef\xbb\xbf"):
        what = gettext("the row starts with a byte order mark (BOM)")
        raise Fault("bom", what, gettext("save the file as UTF-8 without BOM"))
    try:
        text = raw.decode("utf-8")
        if too_deep(text):
            what = gettext("the row is nested too deeply")
            raise Fault("too_deep", what, gettext("write each row as a flat object of texts"))
        value = DECODER.decode(text)
    except UnicodeDecodeError as error:
        what = gettext("byte %(place)s of the row is not UTF-8") % {"place": error.start + 1}
        raise Fault("not_utf8", what, gettext("save the file as UTF-8")) from error
    except json.JSONDecodeError as error:
        raise Fault("not_json", *of_line(text, error)) from error
    except ValueError as error:
        raise Fault("not_json", gettext("a number is too long"), gettext("put it in quotes, as text")) from error
    if not isinstance(value, dict):
        fix = gettext("write it as %(example)s") % {"example": '{"...": "..."}'}
        raise Fault("not_object", gettext("the row is not a JSON object"), fix)
    # Without an escape, what is broken in a value is broken in its line as well, which is searched much sooner.
    if "\\" in text or is_broken(text):
        _refuse_broken(value)
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise Fault("duplicate_key", gettext("an object has the same key twice"), gettext("keep one of them"))
    return row


def _constant(name: str) -> float:
    what = gettext("%(name)s is not valid JSON") % {"name": name}
    raise Fault("not_json", what, gettext("write a number, or a text in quotes"))


DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)


def _refuse_broken(value: Any) -> None:
    for _, _ in broken_texts(value):
        what = gettext("a text contains a control character, or half of a character")
        raise Fault("control_character", what, gettext("remove it; only tabs and line breaks are allowed"))
