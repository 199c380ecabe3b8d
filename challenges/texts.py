"""Normalises texts to find out which count as equal, and writes counts."""

from __future__ import annotations

import re
import unicodedata

NOT_WORDS = re.compile(r"[\W_]+")


def normal(text: str) -> str:
    """`text` without differences in case, white space, punctuation and compatibility characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return NOT_WORDS.sub(" ", folded).strip() or folded.strip()


def several(count: int, noun: str) -> str:
    """A count with its English noun, for texts that are not translated: `1 baseline`, `2 baselines`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
