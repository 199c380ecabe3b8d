"""Detects whether an answer says in the first person what the learner would do or thinks."""

from __future__ import annotations

import re

_OWN = re.compile(
    r"\b(?:i|we)(?:'d|'ll|\s+(?:\w+\s+)?(?:would|will|should|must|think|recommend|suggest|advise|propose|agree|choose"
    r"|prefer|guess|expect))\b|\bmy\s+(?:\w+\s+)?(?:plan|advice|proposal|recommendation|suggestion|view|opinion)\b",
    re.IGNORECASE,
)


def speaks(text: str) -> bool:
    """Whether the text contains a sentence such as 'I would ...', 'we should ...' or 'my advice is ...'."""
    return _OWN.search(text.replace("\u2019", "'")) is not None
