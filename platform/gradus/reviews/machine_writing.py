"""Finds signs that a machine may have written an answer. They inform a reviewer, and never lower a mark.

Each sign is a part of the text that a reviewer can look at. People write like this too, so no sign counts towards a
score, and no sign is shown to a learner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
    """A sign of machine writing: a sentence about the answer, and the part that shows it, shortened."""

    what: str
    where: str


def signs(answer: str) -> list[Sign]:
    """Returns the signs in an answer, in a fixed order. Most answers have none."""
    shown = [
        _first(_("It speaks like an AI assistant"), _ASSISTANT, answer),
        _first(_("It has headings or bold words in Markdown"), _MARKDOWN, answer),
        _first(_("It has a placeholder that was not filled in"), _PLACEHOLDER, answer),
    ]
    dashes = _DASH.findall(answer)
    if len(dashes) >= DASHES_MIN:
        count = ngettext("It uses %(count)d long dash", "It uses %(count)d long dashes", len(dashes))
        shown.append(Sign(count % {"count": len(dashes)}, dashes[0]))
    return [sign for sign in shown if sign is not None]


def _first(what: str, pattern: re.Pattern[str], answer: str) -> Sign | None:
    match = pattern.search(answer)
    return Sign(what, match.group().strip()[:60]) if match else None
