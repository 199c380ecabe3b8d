"""Extracts phrases from a criterion's text such as "The answer names a, b or c. Half credit for d. Not met for e."

Sentences of any other form, and all sentences in other languages, are ignored.
"""

from __future__ import annotations

import re

from graders.free_text.text import sentences

_SAYS = r"(?:\s+(?:says|names|gives|states|mentions|explains|describes))?(?:\s+that)?\s+"
_OPENINGS = (
    (
        re.compile(
            r"(?:the|an)\s+answer(?=\s+(?:says|names|gives|states|mentions|explains|describes)\b)" + _SAYS, re.I
        ),
        1.0,
    ),
    (re.compile(r"half\s+credit\s+(?:if|for)(?:\s+(?:it|the\s+answer))?(?:\s+only)?" + _SAYS, re.I), 0.5),
    (re.compile(r"not\s+met\s+(?:if|for)(?:\s+(?:it|the\s+answer))?(?:\s+only)?" + _SAYS, re.I), 0.0),
)
_BETWEEN = re.compile(r",\s+(?:or\s+)?|\s+or\s+|[();:]\s*")
CHARACTERS_MIN = 3


def rubric_phrases(text: str) -> dict[str, float]:
    """Returns the share of the points, 1, 0.5 or 0, that each phrase of the criterion earns, by phrase."""
    shares: dict[str, float] = {}
    for sentence in sentences(text):
        for opening, share in _OPENINGS:
            if match := opening.match(sentence):
                parts = (part.strip(" .") for part in _BETWEEN.split(sentence[match.end() :]))
                shares |= {part: share for part in parts if len(part) >= CHARACTERS_MIN}
    return shares
