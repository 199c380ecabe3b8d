"""Measures how deeply JSON is nested, and how many parts it has, before it is parsed.

The parser's limit on depth differs between Pythons, and it has none on the number of parts.
"""

from __future__ import annotations

import re
from itertools import islice

DEPTH_MAX = 40
"""Objects and lists within one another. What people send is flat; YAML that authors write has a few levels."""
# A string, which may contain brackets and may be unterminated, or a single bracket or comma.
_PART = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)


def too_deep(text: str, parts: int | None = None, *, most: int = DEPTH_MAX) -> bool:
    """Returns True if JSON, valid or not, nests objects and lists more than `most` deep.

    With `parts`, it looks at the first so many strings, brackets and commas alone.
    """
    if text.count("[") + text.count("{") <= most:
        return False
    depth = 0
    for match in islice(_PART.finditer(text), parts):
        part = match.group()
        if part in ("[", "{"):
            depth += 1
        elif part in ("]", "}"):
            depth -= 1
        if depth > most:
            return True
    return False


def has_more_parts(text: str, most: int) -> bool:
    """Returns True if JSON, valid or not, has more than `most` strings, brackets and commas; counting stops there."""
    if sum(map(text.count, '"[]{},')) <= most:
        return False
    return next(islice(_PART.finditer(text), most, None), None) is not None
