"""Finds the texts of a page that are not marked for translation. The page must be in the pseudo-locale.

A marked text is in brackets there. Texts that are not the site's words need none: those in an element with another
`lang` than the page's (WCAG 3.1.2, Language of Parts), and code. Numbers have no letters, and `PRODUCT` is a name.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from gradus.pseudo_locale import CLOSE, CODE, OPEN

PRODUCT = {"Gradus"}
CODE_TAGS = {"code", "pre", "kbd", "script", "style"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# Attributes that people read or hear, on any element.
READ = ("title", "alt", "aria-label", "aria-description", "aria-valuetext", "placeholder", "label", "data-confirm")
WORD = re.compile(r"[^\W\d_]+")


def unmarked(html: str, *, frame: bool = False) -> list[str]:
    """Returns the unmarked texts of a page's title, description and `main`; of all else if `frame` is True."""
    page = _Page(frame)
    page.feed(html)
    page.close()
    return page.found


class _Page(HTMLParser):
    """Keeps, for each open element, how many brackets were open before it, and whether its texts are examined."""

    def __init__(self, frame: bool) -> None:
        super().__init__()
        self.frame = frame
        self.found: list[str] = []
        self.open: list[tuple[str, int, bool, bool]] = []
        self.brackets = 0
        self.in_main, self.exempt = False, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        exempt = self.exempt or tag in CODE_TAGS or given.get("lang", CODE).lower() != CODE
        if tag not in VOID:
            self.open.append((tag, self.brackets, self.in_main, self.exempt))
            self.in_main, self.exempt = self.in_main or tag in ("main", "title"), exempt
        if not exempt:
            self._attributes(tag, given)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Closes the innermost open element of this name. A bracket that was left open inside it counts no more."""
        if tag in (name for name, *_ in self.open):
            while self.open:
                name, self.brackets, self.in_main, self.exempt = self.open.pop()
                if name == tag:
                    return

    def handle_data(self, data: str) -> None:
        plain = ""
        for character in data:
            if character in (OPEN, CLOSE):
                self.brackets = max(0, self.brackets + (1 if character == OPEN else -1))
                plain += " "
            elif self.brackets == 0:
                plain += character
        if not self.exempt:
            self._note(plain, self.in_main)

    def _attributes(self, tag: str, given: dict[str, str]) -> None:
        values = [given[name] for name in READ if name in given]
        if tag == "input" and given.get("type") in ("submit", "button", "reset"):
            values.append(given.get("value", ""))
        if tag == "meta" and given.get("name") == "description":
            self._note(_outside_brackets(given.get("content", "")), True)
        for value in values:
            self._note(_outside_brackets(value), self.in_main)

    def _note(self, text: str, of_page: bool) -> None:
        if of_page != self.frame and set(WORD.findall(text)) - PRODUCT:
            self.found.append(" ".join(text.split()))


def _outside_brackets(value: str) -> str:
    while (shorter := re.sub(rf"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}", " ", value)) != value:
        value = shorter
    return value
