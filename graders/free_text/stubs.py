"""Detects stubs: headings, table rows and keywords, which contain the right words but state nothing about them."""

from __future__ import annotations

import re

from graders.free_text.passage import Passage
from graders.free_text.text import words

WORDS_MIN = 4
# Auxiliaries and common verbs in finite forms. A line that begins with an imperative also is a sentence.
_FINITE = re.compile(
    r"\b(?:is|are|was|were|am|be|been|has|have|had|do|does|did|will|would|can|could|shall|should|may|might|must|cannot"
    r"|\w+n't|\w+'(?:s|re|ve|ll|d|m)|i|we|you|he|she|they|it|that|which|who|because|since|so|when|while|whereas|if|as|until|unless"
    r"|needs?|goes?|gets?|makes?|takes?|gives?|puts?|keeps?|means?|says?|wants?|works?|stays?|changes?|costs?|pays?|comes?|holds?"
    r"|becomes?|begins?|starts?|ends?|helps?|lets?|saves?|uses?|knows?|shows?|learns?|reads?|finds?|looks?)\b",
    re.IGNORECASE,
)
_TABLE = re.compile(
    r"^\s*\|.*\|\s*$|\t.*\t|(?:(?:=>|->|\u2192|\u21d2).*){3}|(?:\s/\s.*){3}|\S\s*\|\s*\S.*\|\s*\S|^\s*(?:[-*\u2022\u2013]|\d+[.)])\s+\S{0,40}\s*$"
)


def is_stub(passage: Passage) -> bool:
    """Whether the line has no verb, is a row of a table, or is too short to give a reason."""
    line = passage.sentence
    if _TABLE.search(line):
        return True
    return len(words(line)) < WORDS_MIN or _FINITE.search(line) is None
