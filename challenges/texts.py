"""Normalises texts to find out which count as equal."""

from __future__ import annotations

import re
import unicodedata

NOT_WORDS = re.compile(r"[\W_]+")


def normal(text: str) -> str:
    """`text` without differences in case, white space, punctuation and compatibility characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return NOT_WORDS.sub(" ", folded).strip() or folded.strip()
