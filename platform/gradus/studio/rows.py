"""A file of rows as a table: filtered, with the balance of its labels, near-duplicates, and changed row by row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from challenges.tables.near import near_repeats
from gradus.refusal import wrong

# A page shows so many rows; near-duplicates are looked for among so many.
LISTED, COMPARED = 100, 3000
TEXTS = ("input", "text", "prompt", "answer", "question")
ANSWERS = ("target", "output", "label", "chosen", "marks")


@dataclass(frozen=True)
class Row:
    """A line of the file. `data` is None where it is no JSON object."""

    number: int
    line: str
    data: dict[str, Any] | None

    @property
    def text(self) -> str:
        """The text that the row is about."""
        return next((str(self.data[name]) for name in TEXTS if name in self.data), "") if self.data else self.line

    @property
    def answer(self) -> str:
        found = next((self.data[name] for name in ANSWERS if name in self.data), "") if self.data else ""
        return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)

    @property
    def rest(self) -> str:
        """All other keys."""
        shown = {TEXTS: False, ANSWERS: False}
        kept = {}
        for name, value in (self.data or {}).items():
            group = TEXTS if name in TEXTS else ANSWERS if name in ANSWERS else None
            if group is None or shown[group]:
                kept[name] = value
            else:
                shown[group] = True
        return ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in kept.items())

    @property
    def as_json(self) -> str:
        return self.line if self.data is None else json.dumps(self.data, ensure_ascii=False, indent=2)


@dataclass(frozen=True)
class Table:
    """The rows of a file, and those that a search finds."""

    rows: list[Row]
    found: list[Row]

    @property
    def labels(self) -> list[tuple[str, int]]:
        """How many rows have each answer, the most common first; empty where nearly every row has its own."""
        counts = Counter(row.answer for row in self.rows if row.data is not None)
        return [] if len(counts) > max(20, len(self.rows) // 4) else counts.most_common()

    def near(self) -> Iterator[tuple[Row, Row, float]]:
        """Yields each row that nearly repeats an earlier one, by the characters that they share, with that one."""
        rows = [row for row in self.rows[:COMPARED] if row.data is not None and row.text]
        for later, (earlier, share) in near_repeats([row.text for row in rows], None).items():
            yield rows[later], rows[earlier], share


def read(text: str, search: str = "", label: str = "") -> Table:
    """Returns the rows of a file, and those that hold `search`, whatever its case, and have the answer `label`."""
    rows = [Row(number, line, _object(line)) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    wanted = search.casefold()
    found = [row for row in rows if wanted in row.line.casefold() or wanted in row.text.casefold()]
    return Table(rows, [row for row in found if not label or row.answer == label])


def _object(line: str) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def with_row(text: str, number: int | None, row: str) -> str:
    """Returns the file with a row in place of that line, or as the last one.

    Raises:
        Refused: 422 beside the row, it is no JSON object.
    """
    data = None
    try:
        data = json.loads(row)
    except ValueError as error:
        at = f"{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise wrong(
            "row", _("This is not valid JSON (at %(at)s): %(why)s.") % {"at": at, "why": error.args[0]}
        ) from None
    if not isinstance(data, dict):
        raise wrong("row", _("A row is a JSON object: names with values, in braces."))
    lines = text.split("\n")
    line = json.dumps(data, ensure_ascii=False)
    if number is None:
        while lines and not lines[-1].strip():
            lines.pop()
        return "\n".join([*lines, line, ""])
    if number > len(lines):
        raise wrong("row", _("There is no row %(number)s any more.") % {"number": number})
    lines[number - 1] = line
    return "\n".join(lines)


def without_row(text: str, number: int) -> str:
    lines = text.split("\n")
    return "\n".join(lines[: number - 1] + lines[number:])
