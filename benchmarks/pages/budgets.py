"""How much data a browser may receive at the first view of a page, and how far its parts may move while it loads."""

from __future__ import annotations

import re

KB = 1000
CHALLENGE, LESSON, OTHER = 250 * KB, 300 * KB, 160 * KB
LAYOUT_SHIFT = 0.1


def most_bytes(path: str) -> int:
    """Returns the budget of the page at `path`, in bytes. Pages below a challenge or a lesson count as other pages."""
    if re.fullmatch(r"/challenges/[\w-]+/(\?.*)?", path):
        return CHALLENGE
    return LESSON if re.fullmatch(r"/lessons/[\w-]+/(\?.*)?", path) else OTHER
