"""What is measured: `P/S/N/L` for answers (tokens of shared prompt, tokens a row, rows, labels) and
`rows/tokens/epochs` for training."""

from __future__ import annotations

import re
from dataclasses import dataclass

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


@dataclass(frozen=True)
class TrainShape:
    """`tokens` is the length of each row, completion and end of text counted."""

    rows: int
    tokens: int
    epochs: int

    def __str__(self) -> str:
        return f"{self.rows}/{self.tokens}/{self.epochs}"


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
