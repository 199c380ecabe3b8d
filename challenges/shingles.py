"""Splits texts into words, and finds the runs of words or of characters that two texts share.

Shared runs of five show what was copied (Broder 1997, "On the resemblance and containment of documents").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# In scripts without spaces each character counts as a word, because a Chinese answer must not count as one word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+(?:['\u2019-][^\W_]+)*")
RUN_WORDS = RUN_CHARACTERS = 5
# The share of common runs of characters. Pairs above it mostly lie above a cosine of 0.90 too, but not the other way
# round: a paraphrase shares few characters.
SHARED = 0.6
Run = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text, without differences in case and compatibility characters, and where it stands there."""

    word: str
    start: int
    end: int


def words(text: str) -> list[str]:
    """Returns the case-folded words of a text in order, with plain apostrophes."""
    return [_folded(word) for word in _WORD.findall(text)]


def placed_words(text: str) -> list[Word]:
    """Returns the words of a text in order, each with its place, so that shared ones can be marked in the text."""
    return [
        Word(_folded(unicodedata.normalize("NFKC", found.group())), *found.span()) for found in _WORD.finditer(text)
    ]


def runs(words: Sequence[str]) -> list[Run]:
    """Returns all runs of `RUN_WORDS` consecutive words in order; none of a shorter text."""
    return [tuple(words[n : n + RUN_WORDS]) for n in range(len(words) - RUN_WORDS + 1)]


def character_runs(text: str) -> frozenset[str]:
    """Returns all runs of `RUN_CHARACTERS` characters of a text with a space on either side."""
    padded = f" {text} "
    last = max(1, len(padded) - RUN_CHARACTERS + 1)
    return frozenset(padded[place : place + RUN_CHARACTERS] for place in range(last))


def _folded(word: str) -> str:
    return word.casefold().replace("\u2019", "'")
