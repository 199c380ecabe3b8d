"""Detects stories, which tell what a person once did and neither advise nor explain anything."""

from __future__ import annotations

import re

from graders.free_text.own_voice import speaks
from graders.free_text.passage import passages

SHARE_MIN = 0.5
SENTENCES_MIN = 3
_DREAM = re.compile(
    r"\b(?:dream(?:ed|t)\s+(?:of|that|about|i)|in\s+my\s+dream|i\s+(?:woke\s+up|fell\s+asleep))\b", re.IGNORECASE
)
_OPENS = re.compile(
    r"\bonce\s+upon\s+a\s+time\b|\blong\s+ago\b|\bthere\s+(?:once\s+)?(?:was|lived)\s+(?:once\s+)?an?\b", re.IGNORECASE
)
_PAST = re.compile(
    r"\b(?:he|she|they|it|we|i|who|[A-Z][a-z]+|(?:the|a|an|her|his|their|old|young)\s+\w+)\s+(?:\w+ly\s+|had\s+|then\s+|never\s+)?"
    r"(?:said|went|came|told|thought|found|saw|knew|took|made|gave|left|began|stood|sat|felt|kept|heard|ran|got|put|wrote"
    r"|spoke|fell|held|brought|bought|sold|lost|met|read|woke|drank|ate|shook|drew|sang|had"
    r"|(?:ask|answer|smil|laugh|nod|whisper|sigh|look|want|turn|walk|lik|lov|open|clos|learn|remember|dream|mutter|murmur|reply|repli|cri|shout|work|talk|call|explain|wonder|stare|point|pour|shrug|grin|stopp|start|decid|mov|return|wait|liv|us|tri|pass|stay|help|hop|promis|pull|push|pick|typ|glanc|paus|add)ed)\b"
)


def tells_story(text: str) -> bool:
    """Whether the text tells a dream or mostly past events, and nothing about what the learner would do."""
    if _DREAM.search(text):
        return True
    if speaks(text):
        return False
    found = passages(text)
    past = sum(_PAST.search(passage.sentence) is not None for passage in found)
    if _OPENS.search(text) and past >= 2:
        return True
    return len(found) >= SENTENCES_MIN and past / len(found) >= SHARE_MIN
