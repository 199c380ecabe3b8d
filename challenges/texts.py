"""Normalises texts to find out which count as equal, and writes counts."""

from __future__ import annotations

import hashlib
import re
import unicodedata

NOT_WORDS = re.compile(r"[\W_]+")
# Superscripts, subscripts and fractions. NFKC would make "10\u00b2" equal to "102", which is another answer.
RAISED = re.compile("([\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u209c\u2150-\u215e]+)")


def normal(text: str) -> str:
    """`text` without differences in case, white space, punctuation and compatibility characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return NOT_WORDS.sub(" ", folded).strip() or folded.strip()


def folded(text: str) -> str:
    """Returns `text` without differences in case, white space and compatibility characters.

    Punctuation and signs count, because "<" and "-1" are answers.
    """
    parts = RAISED.split(text)
    parts[::2] = [unicodedata.normalize("NFKC", part) for part in parts[::2]]
    return " ".join("".join(parts).casefold().split())


def digest(text: str) -> str:
    """Returns the SHA-256 of `folded(text)` in hexadecimal: two answers with one digest are the same text."""
    return hashlib.sha256(folded(text).encode(errors="replace")).hexdigest()


def several(count: int, noun: str) -> str:
    """A count with its English noun, for texts that are not translated: `1 baseline`, `2 baselines`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
