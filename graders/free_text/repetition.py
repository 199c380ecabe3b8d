"""Detects padding, which repeats the same few words."""

from __future__ import annotations

from graders.free_text.text import content_words

WINDOW = 40
WORDS_MIN = 25
# The open honest answers have at least 0.76 distinct content words, counted over the whole answer.
DISTINCT_MIN = 0.68


def repeats_itself(text: str) -> bool:
    """Whether few content words are distinct, on average over stretches of 40 content words."""
    found = content_words(text)
    if len(found) < WORDS_MIN:
        return False
    starts = range(0, max(1, len(found) - WORDS_MIN + 1), WINDOW)
    stretches = [found[start : start + WINDOW] for start in starts]
    return sum(len(set(part)) / len(part) for part in stretches) / len(stretches) < DISTINCT_MIN
