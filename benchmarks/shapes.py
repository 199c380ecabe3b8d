"""What is measured: `P/S/N/L` for answers (tokens of shared prompt, tokens a row, rows, labels) and
`rows/tokens/epochs` for training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.peers.job import JSON

PROMPTS, SUFFIXES = (100, 300, 1000, 2000), (20, 60, 200)
ASKED_ROWS = 200
ANSWERS = re.compile(r"(\d+)/(\d+)/(\d+)/(\d+)(?:x([12]))?")
TRAINING = re.compile(r"(\d+)/(\d+)/(\d+)")


@dataclass(frozen=True)
class Shape:
    """`label_tokens` is 1 or 2: `6x2` asks for six labels of two tokens each. Without labels there is `/0`."""

    prompt: int
    suffix: int
    rows: int
    labels: int
    label_tokens: int = 1

    def __str__(self) -> str:
        several = f"x{self.label_tokens}" if self.label_tokens > 1 else ""
        return f"{self.prompt}/{self.suffix}/{self.rows}/{self.labels}{several}"

    @property
    def kind(self) -> Shape:
        """The shape but for the number of rows and, where one token each is read off in one place, of labels."""
        several = self.labels if self.label_tokens > 1 else min(self.labels, 1)
        return replace(self, rows=0, labels=several)


@dataclass(frozen=True)
class TrainShape:
    """`tokens` is the length of each row, completion and end of text counted."""

    rows: int
    tokens: int
    epochs: int

    def __str__(self) -> str:
        return f"{self.rows}/{self.tokens}/{self.epochs}"


def asked(output: str, rows: int = ASKED_ROWS) -> list[Shape]:
    """All shapes that the headline is about, the small ones first."""
    labels = ((0, 1),) if output == JSON else ((5, 1), (6, 2))
    pairs = sorted(((prompt, suffix) for prompt in PROMPTS for suffix in SUFFIXES), key=sum)
    return [Shape(prompt, suffix, rows, *several) for prompt, suffix in pairs for several in labels]


def several(text: str, output: str) -> list[Shape]:
    """Comma-separated shapes; `asked` are all of them, `asked/50` with 50 rows each. Raises `ValueError`."""
    found: list[Shape] = []
    for part in text.split(","):
        word, _, rows = part.strip().partition("/")
        if word != "asked":
            found.append(shape(part))
        elif not rows or rows.isdigit():
            found += asked(output, int(rows or ASKED_ROWS))
        else:
            raise ValueError(f"{part!r}: write asked, or asked/50 for 50 rows of each shape")
    check(found, output)
    return found


def check(found: Sequence[Shape], output: str) -> None:
    """Raises `ValueError` where labels are asked without any, or texts with some."""
    for made in found:
        if (output == JSON) != (made.labels == 0):
            raise ValueError(f"{made}: texts are asked with /0, labels with their number")


def shape(text: str) -> Shape:
    """Raises `ValueError` that says what is wanted."""
    found = ANSWERS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no shape: write P/S/N/L, for instance 1000/60/200/5, or 1000/60/200/6x2")
    prompt, suffix, rows, labels, tokens = (int(part or 1) for part in found.groups())
    if min(prompt, suffix, rows) < 1:
        raise ValueError(f"{text!r}: P, S and N are at least 1")
    return Shape(prompt, suffix, rows, labels, tokens)


def train_shape(text: str) -> TrainShape:
    """Raises `ValueError` that says what is wanted."""
    found = TRAINING.fullmatch(text.strip())
    if found is None or not all(int(part) for part in found.groups()):
        raise ValueError(f"{text!r} is no shape: write rows/tokens/epochs, for instance 300/60/3")
    return TrainShape(*(int(part) for part in found.groups()))


def any_shape(text: str) -> Shape | TrainShape:
    """By its form. Raises `ValueError`."""
    return train_shape(text) if TRAINING.fullmatch(text.strip()) else shape(text)
