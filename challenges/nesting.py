"""How deeply JSON is nested, told before it is parsed: a reader's own limit differs from one Python to the next."""

from __future__ import annotations

import re

DEPTH_MAX = 40
"""Objects and lists within one another. What people send is flat; YAML that authors write has a few levels."""
# A text, which may hold brackets and may never end, or one bracket.
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
