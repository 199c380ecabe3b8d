"""The HTML of a page as tests compare it: how its template is indented and broken into lines makes no difference.

Nor does what is drawn at random, where a test asks that a short text is not on a page.
"""

from __future__ import annotations

import re

TAG = re.compile(r"\s*(<[^>]*(?:>|$))\s*")
DRAWN = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # the name of an attempt
    r"|(?<![0-9A-Za-z])[0-9A-Za-z]{64}(?![0-9A-Za-z])"  # the token of a form
    r'|(?<= nonce=")[^"]*'
)


def without_drawn(html: str) -> str:
    """The page without uuids, tokens and nonces: three letters or digits meet one of them by chance."""
    return DRAWN.sub("", html)


class Markup(str):
    """HTML on one line without white space beside its tags. So are the texts that `in` and `count` look for in it."""

    def __new__(cls, html: str) -> Markup:
        return super().__new__(cls, TAG.sub(r"\1", " ".join(html.split())))

    def __contains__(self, part: object) -> bool:
        return isinstance(part, str) and super().__contains__(Markup(part))

    def count(self, part: str, *limits: int) -> int:
        return super().count(Markup(part), *limits)
