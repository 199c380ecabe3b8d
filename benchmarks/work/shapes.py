"""What is measured: `P/S/N/L` for answers (tokens of shared prompt, tokens a row, rows, labels; 0 labels: JSON) and
`rows/tokens/epochs` for training."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.peers.job import JSON, LABEL

LORA = "lora"
DEFAULT = "1000/60/200/5"
STANDARD = f"100/20/200/5,100/20/200/6x2,300/60/40/5,{DEFAULT},2000/60/40/5,100/20/50/0,1000/60/50/0,300/60/3"
"""The eight shapes that stand for all work."""
FORM = "comma-separated: P/S/N/L for labels (L may be 6x2), P/S/N/0 for JSON"
TRAINING_FORM = "rows/tokens/epochs, comma-separated"
ANSWERS = re.compile(r"(\d+)/(\d+)/(\d+)/(\d+)(?:x([12]))?")
TRAINING = re.compile(r"(\d+)/(\d+)/(\d+)")


@dataclass(frozen=True)
class Shape:
    """`label_tokens` is 1 or 2: `6x2` asks for six labels of two tokens each. Without labels the output is JSON."""

    prompt: int
    suffix: int
    rows: int
    labels: int
    label_tokens: int = 1

    def __str__(self) -> str:
        several = f"x{self.label_tokens}" if self.label_tokens > 1 else ""
        return f"{self.prompt}/{self.suffix}/{self.rows}/{self.labels}{several}"

    @property
    def output(self) -> str:
        return LABEL if self.labels else JSON


@dataclass(frozen=True)
class TrainShape:
    """`tokens` is the length of each row, completion and end of text counted."""

    rows: int
    tokens: int
    epochs: int

    def __str__(self) -> str:
        return f"{self.rows}/{self.tokens}/{self.epochs}"

    @property
    def output(self) -> str:
        return LORA


def shape(text: str) -> Shape:
    """Raises `ValueError` that says what is wanted."""
    found = ANSWERS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no shape: write P/S/N/L, for instance {DEFAULT}, or 1000/60/200/6x2")
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
