"""Signs that a machine may have written an answer. Evidence for a reviewer's eyes, never a reason for a lower mark.

Each sign is something that can be pointed at in the text. People write all of them too; no sign is counted into a
score or shown to a learner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ASSISTANT = re.compile(
    r"\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b"
    r"|\bI hope this helps\b|\b(?:certainly|sure|of course)[!,] here(?:'s| is| are)\b"
    r"|\bhere(?:'s| is) (?:a|an|the|my|your) (?:\w+ ){0,3}(?:answer|response|version|draft)\b"
    r"|\blet me know if you\b|\bmy knowledge cut-?off\b",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(r"^#{1,6} |\*\*[^*\n]+\*\*|^\s*(?:[-*]|\d+\.) +\*\*", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\[(?:your|insert|name|company|product|shop)[^\]\n]{0,40}\]", re.IGNORECASE)
_DASH = re.compile(r"\w ?\u2014 ?\w")
DASHES_MIN = 3


@dataclass(frozen=True)
class Sign:
    """What was seen, and where: a stretch of the answer, shortened."""

    what: str
    where: str


def signs(answer: str) -> list[Sign]:
    """In a fixed order; none for most answers."""
    found = [
        _first("speaks as an assistant does", _ASSISTANT, answer),
        _first("holds Markdown headings or bold words", _MARKDOWN, answer),
        _first("has a place that was left to be filled in", _PLACEHOLDER, answer),
    ]
    dashes = _DASH.findall(answer)
    if len(dashes) >= DASHES_MIN:
        found.append(Sign(f"uses {len(dashes)} long dashes", dashes[0]))
    return [sign for sign in found if sign is not None]


def _first(what: str, pattern: re.Pattern[str], answer: str) -> Sign | None:
    match = pattern.search(answer)
    return Sign(what, match.group().strip()[:60]) if match else None
