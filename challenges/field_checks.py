"""Checks that several kinds of payload share, and the form in which a check reports a problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from challenges.characters import unwanted
from challenges.files.rows import PREFERENCE
from challenges.models.catalogue import MODELS
from challenges.rows import AnyRow, PreferenceRow, TrainRow
from challenges.spec import Challenge, Label
from challenges.translation import gettext, ngettext

PAYLOAD_BYTES = 16 * 1024
ROW_BYTES = 8 * 1024
PAIR = '{"input": "...", "output": "..."}'


@dataclass(frozen=True)
class FieldProblem:
    """`code` is stable; `field` is the payload's key; `line` is the example's or row's number, from 1."""

    code: str
    field: str
    message: str
    line: int | None = None


def between(low: float, high: float) -> str:
    """A sentence that says which numbers a challenge allows."""
    return gettext("The value must be between %(low)s and %(high)s.") % {"low": f"{low:g}", "high": f"{high:g}"}


def instructions(challenge: Challenge, text: str) -> Iterator[FieldProblem]:
    """Yields the problems of the instructions: too many characters, or characters that are not allowed."""
    most = challenge.limits.instructions_chars
    if len(text) > most:
        message = gettext("The instructions have %(count)s characters; %(most)s are allowed. Shorten them.")
        message %= {"count": f"{len(text):,}", "most": f"{most:,}"}
        yield FieldProblem("too_long", "instructions", message)
    yield from characters(challenge, "instructions", text)


def example_count(challenge: Challenge, count: int) -> Iterator[FieldProblem]:
    most = challenge.limits.examples_max
    if count > most:
        message = ngettext(
            "This challenge allows %(most)s example, and there are %(count)s: remove some.",
            "This challenge allows %(most)s examples, and there are %(count)s: remove some.",
            most,
        )
        yield FieldProblem("too_many_examples", "examples", message % {"count": count, "most": most})


def pairs(challenge: Challenge, field: str, rows: Sequence[TrainRow]) -> Iterator[FieldProblem]:
    """Yields the problems of examples or training rows: empty texts, unknown labels, long rows, bad characters."""
    labels = challenge.answer.labels if isinstance(challenge.answer, Label) else None
    for number, pair in enumerate(rows, 1):
        if not pair.input.strip() or not pair.output.strip():
            message = gettext("The input or the output is empty: fill it in.")
            yield FieldProblem("empty", field, message, number)
        elif labels is not None and pair.output not in labels:
            message = gettext("The output is not one of the labels %(labels)s.") % {"labels": ", ".join(labels)}
            yield FieldProblem("unknown_label", field, message, number)
        if len((pair.input + pair.output).encode(errors="replace")) > ROW_BYTES:
            message = gettext("Input and output together have more than 8 KiB: shorten them.")
            yield FieldProblem("too_long", field, message, number)
        yield from characters(challenge, field, pair.input + "\n" + pair.output, number)


def characters(challenge: Challenge, field: str, text: str, number: int | None = None) -> Iterator[FieldProblem]:
    """Yields a problem for an invisible character, and for each control token of the model in the text."""
    if (character := unwanted(text, unseen=True)) is not None:
        message = gettext("%(character)s is a character that cannot be seen or printed: remove it.")
        yield FieldProblem("control_character", field, message % {"character": character}, number)
    model = MODELS.get(challenge.model or "")
    for token in model.special_tokens if model else ():
        if token in text:
            message = gettext("%(token)s is a control token of the model, which is added for you: remove it.")
            yield FieldProblem("special_token", field, message % {"token": token}, number)


def size(field: str, texts: list[str], most: int) -> Iterator[FieldProblem]:
    """Yields a problem if all texts of a field together have more than `most` bytes."""
    size = sum(len(text.encode(errors="replace")) for text in texts)
    if size > most:
        message = gettext("All texts together have %(count)s bytes; %(most)s are allowed. Shorten them.")
        yield FieldProblem("too_long", field, message % {"count": f"{size:,}", "most": f"{most:,}"})


def training_rows(challenge: Challenge, rows: Sequence[AnyRow], *, preferences: bool) -> Iterator[FieldProblem]:
    """Yields the problems of training rows, each with the number of its row.

    They have the shape that the challenge asks for, and a preference prefers something.
    """
    wanted = PreferenceRow if preferences else TrainRow
    if other := [number for number, row in enumerate(rows, 1) if not isinstance(row, wanted)]:
        for number in other:
            yield FieldProblem("row_shape", "rows", _shape(preferences=preferences), number)
        return
    yield from pairs(challenge, "rows", [row for row in rows if isinstance(row, TrainRow)])
    for number, row in enumerate(rows, 1):
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
    yield from characters(challenge, "rows", "\n".join(sides.values()), number)
