"""What an author does with a new folder: she writes a text of her own for each mark, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count, product
from pathlib import Path

MARK = re.compile(r"\[write: ([^\]]*)\]( \d+)?")
# What stands in several places, and must be the same in all of them.
SAME = {"the first label": "sea", "the second label": "sky", "a value": "low", "another value": "high"}
ADJECTIVES = ("red", "wet", "old", "tiny", "calm", "loud", "cold", "warm")
NOUNS = ("wave", "cloud", "shell", "comet", "buoy", "eagle", "reef", "gust", "tide", "star")
DAYS = ("today", "again", "twice", "early")
WORDS = ("harbour", "garden", "kitchen", "library", "station", "museum", "bakery", "valley", "bridge", "island")


def write_everything(root: Path) -> None:
    """Replaces each mark below a folder."""
    inputs = (f"I saw a {adjective} {noun} {day}" for day, adjective, noun in product(DAYS, ADJECTIVES, NOUNS))
    numbers = count(1)
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix in (".yaml", ".md", ".jsonl"):
            text = path.read_text(encoding="utf-8")
            path.write_text(MARK.sub(lambda mark: _own(mark, inputs, numbers), text), encoding="utf-8")


def _own(mark: re.Match[str], inputs: Iterator[str], numbers: Iterator[int]) -> str:
    what, row = mark.groups()
    if row:
        return next(inputs)
    return SAME.get(what) or _sentence(next(numbers))


def _sentence(number: int) -> str:
    """At least ten words, which are others for each number."""
    return " ".join(WORDS[(number * 7 + place * (1 + number // 10)) % 10] for place in range(10)) + f" {_name(number)}"


def _name(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))
