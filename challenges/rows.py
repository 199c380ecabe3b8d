"""The rows of a challenge as models: samples, training rows, and the answers that an author has marked.

`challenges.files.rows` reads them from JSON Lines.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Discriminator, Field, Tag

from challenges.spec import Share, Spec, Text

# A longer input or answer of a run is shortened where it is quoted.
QUOTE_CHARS = 1000


class Required(Spec):
    """A target for texts that the model writes freely: what must be in them, and how many words they may have."""

    must: tuple[Text, ...] = Field(min_length=1, max_length=20)
    words_max: int = Field(ge=1, le=1000)


Target = str | dict[str, str] | Required | Annotated[tuple[Text, ...], Field(min_length=1)]


class Sample(Spec):
    """A row with an input and its target.

    `target` is a label, a text, an object for `json` answers, several accepted texts, or what the output must contain.
    `documents` are the ids of those that hold the answer, where the challenge has a corpus.
    """

    id: str = Field(min_length=1, max_length=64)
    input: Text
    target: Target
    split: Literal["public", "private"] = "public"
    # Left out of a dump while it is empty, because the key came later than the format.
    documents: tuple[Text, ...] = Field((), exclude_if=lambda ids: not ids)


class TrainRow(Spec):
    """One training row after reading; the accepted shapes are in `challenges.files.rows`."""

    input: Text
    output: Text


class PreferenceRow(Spec):
    """Two answers to one prompt, of which a person prefers the first. TRL's names; `input` is read as `prompt`."""

    prompt: Text = Field(validation_alias=AliasChoices("prompt", "input"))
    chosen: Text
    rejected: Text

    @property
    def input(self) -> str:
        return self.prompt

    @property
    def output(self) -> str:
        """What the other training methods learn to write."""
        return self.chosen


AnyRow = TrainRow | PreferenceRow
PAIR, PREFERENCE = "pair", "preference"


def row_shape(row: Any) -> str:
    """The shape that a row is meant to have, pair or preference, also where one of its keys is missing."""
    keys = row.keys() if isinstance(row, dict) else vars(row) if isinstance(row, Spec) else ()
    return PREFERENCE if "chosen" in keys or "rejected" in keys else PAIR


TrainingRow = Annotated[
    Annotated[TrainRow, Tag(PAIR)] | Annotated[PreferenceRow, Tag(PREFERENCE)], Discriminator(row_shape)
]


class QuotedRow(Spec):
    """A public row of a learner's own run: its input, the answer that came out, and whether that was right.

    Longer texts than `QUOTE_CHARS` are shortened, see `shortened`.
    """

    id: str = Field(min_length=1, max_length=64)
    input: str = Field(min_length=1, max_length=QUOTE_CHARS)
    answer: str = Field(max_length=QUOTE_CHARS)
    mark: Literal["right", "partly_right", "wrong"]


def shortened(text: str) -> str:
    """Returns a text as it is quoted: the beginning of one that is longer than `QUOTE_CHARS`."""
    return text if len(text) <= QUOTE_CHARS else f"{text[: QUOTE_CHARS - 1]}\u2026"


def _quoted() -> Any:
    """A key that came later: left out of a dump where it is empty, so that digests stay what they are."""
    return Field((), exclude_if=lambda rows: not rows)


GoldRole = Literal["prompt", "calibration", "test"]


class GoldAnswer(Spec):
    """An answer to a question in free text that the author has marked. No answer has two roles.

    `quoted` are the rows of a run that the answer quotes, if the question asks for some (`own_run`).
    """

    answer: str
    marks: dict[str, Literal["met", "partial", "not_met"]]
    role: GoldRole
    quoted: tuple[QuotedRow, ...] = _quoted()

    @property
    def is_example(self) -> bool:
        """Whether the judge is shown the answer with its marks, so that it must not be measured on it."""
        return self.role == "prompt"


class Attack(Spec):
    """An answer that must not earn more than `max_score`."""

    answer: str
    category: str
    max_score: Share = 0.0
    quoted: tuple[QuotedRow, ...] = _quoted()


class Benign(Spec):
    """An honest answer that looks like an attack, with the marks that a person gives it."""

    answer: str
    marks: dict[str, Literal["met", "partial", "not_met"]]
    category: str
    quoted: tuple[QuotedRow, ...] = _quoted()
