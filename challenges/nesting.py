"""Measures how deeply JSON is nested before it is parsed, because the parser's limit differs between Pythons."""

from __future__ import annotations

import re

DEPTH_MAX = 40
"""Objects and lists within one another. What people send is flat; YAML that authors write has a few levels."""
# A string, which may contain brackets and may be unterminated, or a single bracket.
_PART = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


def too_deep(text: str) -> bool:
    """Whether JSON, valid or not, opens more than `DEPTH_MAX` objects and lists within one another."""
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return False
    depth = 0
    for found in _PART.finditer(text):
        part = found.group()
        if part in ("[", "{"):
            depth += 1
        elif part in ("]", "}"):
            depth -= 1
        if depth > DEPTH_MAX:
            return True
    return False
