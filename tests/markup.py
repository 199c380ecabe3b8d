"""The HTML of a page as tests compare it: how its template is indented and broken into lines makes no difference."""

from __future__ import annotations

import re

TAG = re.compile(r"\s*(<[^>]*(?:>|$))\s*")


class Markup(str):
    """HTML on one line without white space beside its tags. So are the texts that `in` and `count` look for in it."""

    def __new__(cls, html: str) -> Markup:
        return super().__new__(cls, TAG.sub(r"\1", " ".join(html.split())))

    def __contains__(self, part: object) -> bool:
        return isinstance(part, str) and super().__contains__(Markup(part))

    def count(self, part: str, *limits: int) -> int:
        return super().count(Markup(part), *limits)
