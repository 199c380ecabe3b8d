"""Checks training rows: that they have the shape that the challenge asks for, and that preferences prefer something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from challenges import field_checks
from challenges.field_checks import ROW_BYTES, FieldProblem
from challenges.files.rows import PREFERENCE
from challenges.spec import AnyRow, Challenge, PreferenceRow, TrainRow
from challenges.translation import gettext

PAIR = '{"input": "...", "output": "..."}'


def rows(challenge: Challenge, found: Sequence[AnyRow], *, preferences: bool) -> Iterator[FieldProblem]:
    """Yields the problems of training rows, each with the number of its row."""
    wanted = PreferenceRow if preferences else TrainRow
    if other := [number for number, row in enumerate(found, 1) if not isinstance(row, wanted)]:
        for number in other:
            yield FieldProblem("row_shape", "rows", _shape(preferences=preferences), number)
        return
    yield from field_checks.pairs(challenge, "rows", [row for row in found if isinstance(row, TrainRow)])
    for number, row in enumerate(found, 1):
        if isinstance(row, PreferenceRow):
            yield from _preference(challenge, row, number)


def _shape(*, preferences: bool) -> str:
    if preferences:
        return gettext("This challenge trains on preferences: write the row as %(shape)s.") % {"shape": PREFERENCE}
    return gettext("This challenge trains on inputs with outputs: write the row as %(shape)s.") % {"shape": PAIR}


def _preference(challenge: Challenge, row: PreferenceRow, number: int) -> Iterator[FieldProblem]:
    sides: dict[str, str] = row.model_dump()
    if empty := [name for name, text in sides.items() if not text.strip()]:
        message = gettext("The text in %(name)s is empty: fill it in.") % {"name": empty[0]}
        yield FieldProblem("empty", "rows", message, number)
    elif row.chosen.strip() == row.rejected.strip():
        message = gettext("The chosen and the rejected answer are the same: change one, or remove the row.")
        yield FieldProblem("equal_sides", "rows", message, number)
    if sum(len(text.encode(errors="replace")) for text in sides.values()) > ROW_BYTES:
        message = gettext("The texts of this row together have more than 8 KiB: shorten them.")
        yield FieldProblem("too_long", "rows", message, number)
    yield from field_checks.characters(challenge, "rows", "\n".join(sides.values()), number)
