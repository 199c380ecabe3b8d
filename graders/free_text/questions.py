"""Detects sentences that ask a question instead of stating something."""

from __future__ import annotations

import re

from graders.free_text.passage import Passage
from graders.free_text.text import words

# 'Fine-tuning? Not planned.' and 'Why? Because ...' answer their own question.
HEADING_WORDS_MAX = 6
_INDIRECT = re.compile(
    r"\b(?:i|we)\s+(?:\w+\s+)?(?:wonder|have\s+yet\s+to|am\s+still\s+to|would\s+like\s+to\s+know|want\s+to\s+know)\b"
    r"|\b(?:i|we)\s+(?:ask|am\s+asking|are\s+asking|keep\s+asking)\s+(?:myself|ourselves|if|whether)\b"
    r"|\b(?:not\s+sure|no\s+idea|not\s+certain|unclear|undecided|open\s+question|remains\s+to\s+be\s+seen)\b"
    r"|\b(?:i|we)\s+(?:do\s+not|don't|cannot|can't|could\s+not|couldn't)\s+(?:know|say|tell|decide)\s+(?:if|whether)\b"
    r"|\bwhether\b.*\bwhether\b|\b(?:questions?|matters?|points?|topics?|issues?|discussion|debate)\s+(?:is|was|remains|of|for\s+\w+)?\s*whether\b"
    r"|\b(?:asked?|clarif(?:y|ied)|discuss(?:ed)?|consider(?:ed)?|ponder(?:ed)?|debated?|wonder(?:ed)?)\s+whether\b"
    r"|\b(?:true\s+or\s+false|right\s+or\s+wrong|yes\s+or\s+no)\b"
    r"|^\W*(?:whether|if\s+only\s+i\s+knew)\b",
    re.IGNORECASE,
)


def asks(passage: Passage) -> bool:
    """Whether the sentence asks a question that the next words do not answer."""
    if _INDIRECT.search(passage.sentence):
        return True
    if not passage.sentence.rstrip("\"')\u201d\u2019 ").endswith("?"):
        return False
    is_answered = bool(passage.after) and not passage.after.rstrip().endswith("?")
    return not (is_answered and len(words(passage.sentence)) <= HEADING_WORDS_MAX)
