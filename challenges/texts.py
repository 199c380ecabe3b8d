"""When two texts count as the same."""

from __future__ import annotations

import re
import unicodedata

NOT_WORDS = re.compile(r"[\W_]+")


def normal(text: str) -> str:
    """`text` without what does not tell two rows apart: case, white space, punctuation, compatibility forms."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return NOT_WORDS.sub(" ", folded).strip() or folded.strip()
