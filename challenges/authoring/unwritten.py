"""The mark of a text that a template holds and only the author of the challenge can write: `[write: what to write]`.

`gradus challenge new` makes folders with such marks, and lint names each that still stands. The files of rows hold
rows with marks, which are replaced as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

CODE = "unwritten"
"""The code of the problems of this rule."""
_MARK = re.compile(r"\[write: ?([^\]\n]*)")


def write(what: str) -> str:
    """The mark that asks for a text. `what` continues the word "write" and contains no square bracket."""
    return f"[write: {what}]"


def is_unwritten(text: str) -> bool:
    """Returns True if the text contains a placeholder mark that the author has not replaced yet."""
    return _MARK.search(text) is not None


def marks(text: str) -> Iterator[tuple[int, str]]:
    """Each mark of a text: its line (from 1) and what is to be written."""
    for number, line in enumerate(text.split("\n"), 1):
        for found in _MARK.finditer(line):
            yield number, found.group(1).strip()
