"""Checks that several kinds of payload share, and the form in which a check reports a problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from challenges.catalogue import MODELS
from challenges.characters import unwanted
from challenges.spec import Challenge, Label, TrainRow

PAYLOAD_BYTES = 16 * 1024
ROW_BYTES = 8 * 1024


@dataclass(frozen=True)
class FieldProblem:
    """`code` is stable; `field` is the payload's key; `line` is the example's or row's number, from 1."""

    code: str
    field: str
    message: str
    line: int | None = None


def instructions(challenge: Challenge, text: str) -> Iterator[FieldProblem]:
    """Yields the problems of the instructions: too many characters, or characters that are not allowed."""
    most = challenge.limits.instructions_chars
    if len(text) > most:
        message = f"The instructions have {len(text):,} characters; {most:,} are allowed. Shorten them."
        yield FieldProblem("too_long", "instructions", message)
    yield from characters(challenge, "instructions", text)


def pairs(challenge: Challenge, field: str, found: Sequence[TrainRow]) -> Iterator[FieldProblem]:
    """Yields the problems of examples or training rows: empty texts, unknown labels, long rows, bad characters."""
    one = "Example" if field == "examples" else "Row"
    labels = challenge.answer.labels if isinstance(challenge.answer, Label) else None
    for number, pair in enumerate(found, 1):
        if not pair.input.strip() or not pair.output.strip():
            yield FieldProblem("empty", field, f"{one} {number} has an empty input or output: fill it in.", number)
        elif labels is not None and pair.output not in labels:
            message = f"The output of {one.lower()} {number} is not one of the labels {', '.join(labels)}."
            yield FieldProblem("unknown_label", field, message, number)
        if len((pair.input + pair.output).encode(errors="replace")) > ROW_BYTES:
            yield FieldProblem("too_long", field, f"{one} {number} has more than 8 KiB: shorten it.", number)
        yield from characters(challenge, field, pair.input + "\n" + pair.output, number)


def characters(challenge: Challenge, field: str, text: str, number: int | None = None) -> Iterator[FieldProblem]:
    """Yields a problem for an invisible character, and for each control token of the model in the text."""
    where = f"{field}, number {number}" if number else field
    if (found := unwanted(text, unseen=True)) is not None:
        message = f"{where}: {found} is a character that cannot be seen or printed: remove it."
        yield FieldProblem("control_character", field, message, number)
    model = MODELS.get(challenge.model or "")
    for token in model.special_tokens if model else ():
        if token in text:
            message = f"{where}: {token} is a control token of the model and is added for you: remove it."
            yield FieldProblem("special_token", field, message, number)


def size(field: str, texts: list[str], most: int) -> Iterator[FieldProblem]:
    """Yields a problem if all texts of a field together have more than `most` bytes."""
    size = sum(len(text.encode(errors="replace")) for text in texts)
    if size > most:
        yield FieldProblem("too_long", field, f"All texts together have {size:,} bytes; {most:,} are allowed.")
