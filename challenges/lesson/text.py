"""The Markdown of a lesson: CommonMark with tables and formulas, folds for details, and illustrations.

A fold is `::: fold Title`, its content, and a line `:::`. An illustration is an image that stands alone in a paragraph
and names an SVG file of the lesson: `![what it shows](assets/name.svg "caption")`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

WORDS_MAX = 2_200
# Of a lesson in steps, over all of them; its folds together may hold as many again.
STEPS_WORDS_MAX = 1_800
# The heading of a lesson's last list, which the course's page shows as well.
OUTCOMES = "What you can now do"
ASSET = re.compile(r"assets/[a-z0-9]+(?:-[a-z0-9]+)*\.svg")
LINE_END = re.compile(r"\r\n?|\n")
ALTERNATIVE = re.compile(r"!\[[^\]]*\]\([^)\s]*")
COMMENT = re.compile(r"<!--.*?-->", re.S)


@dataclass(frozen=True)
class Image:
    """An image of the text. `line` is where its paragraph begins, from 1; `alone` says that nothing else is in it."""

    source: str
    alternative: str
    caption: str = ""
    line: int = 1
    alone: bool = True

    @property
    def is_illustration(self) -> bool:
        return self.alone and ASSET.fullmatch(self.source) is not None


@dataclass(frozen=True)
class Fold:
    """A fold of the text: its lines from `line` (from 1) to `end` (included)."""

    title: str
    line: int
    end: int
    is_closed: bool


def reader(formula: Callable[[str, dict[str, Any]], str] | None = None, **options: Any) -> MarkdownIt:
    """A parser for lessons; `formula` renders what stands between dollars. Images that stand alone become tokens of
    the type `illustration` without a paragraph around them."""
    reader = MarkdownIt("commonmark", {"html": True, **options}).enable("table")
    reader.use(dollarmath_plugin, renderer=formula, allow_space=False, double_inline=False)
    reader.use(container_plugin, "fold")
    reader.core.ruler.before("block", "last_line", _end_last_line)
    reader.core.ruler.push("illustrations", _mark_illustrations)
    return reader


def _end_last_line(state: StateCore) -> None:
    """The container plugin reads one character past a last line that is empty, such as a bare `>`."""
    state.src += "\n"


def _mark_illustrations(state: StateCore) -> None:
    for place, token in enumerate(state.tokens):
        children = token.children or []
        if [child.type for child in children] == ["image"] and state.tokens[place - 1].type == "paragraph_open":
            children[0].type = "illustration"
            state.tokens[place - 1].hidden = state.tokens[place + 1].hidden = True


def image_of(token: Token, *, line: int = 1, alone: bool) -> Image:
    """An image token as an `Image`."""
    alternative = "".join(child.content for child in token.children or ()).strip()
    return Image(str(token.attrGet("src") or ""), alternative, str(token.attrGet("title") or ""), line, alone)


READER = reader()


def images(text: str) -> tuple[Image, ...]:
    """All images of a lesson's text, in order."""
    return tuple(_images(READER.parse(text)))


def _images(tokens: list[Token]) -> Iterator[Image]:
    for token in tokens:
        line = token.map[0] + 1 if token.map else 1
        for child in token.children or ():
            if child.type in ("image", "illustration"):
                yield image_of(child, line=line, alone=child.type == "illustration")


@lru_cache(maxsize=64)
def outcomes(text: str) -> tuple[str, ...]:
    """What a reader can do after the lesson: the items of the list below its heading "What you can now do"."""
    tokens = READER.parse(text)
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and tokens[place + 1].content.strip() == OUTCOMES:
            return tuple(_items(tokens[place + 2 :]))
    return ()


def _items(tokens: list[Token]) -> Iterator[str]:
    """The texts of the first list's items, before any other heading. What is nested in an item belongs to it."""
    depth, item = 0, list[str]()
    for token in tokens:
        depth += {"list_item_open": 1, "list_item_close": -1}.get(token.type, 0)
        if token.type == "inline" and depth:
            item.append(_plain(token))
        elif token.type == "list_item_close" and not depth:
            yield " ".join(item)
            item = []
        elif token.type == "heading_open" or (token.type.endswith("_list_close") and not depth):
            return


def _plain(token: Token) -> str:
    shown = {"text", "code_inline", "math_inline"}
    breaks = {"softbreak", "hardbreak"}
    children = token.children or []
    return "".join(" " if one.type in breaks else one.content if one.type in shown else "" for one in children)


def folds(text: str) -> tuple[Fold, ...]:
    """All folds of a lesson's text, in order."""
    opened = (token for token in READER.parse(text) if token.type == "container_fold_open")
    return tuple(_fold(token, LINE_END.split(text)) for token in opened)


def _fold(token: Token, lines: list[str]) -> Fold:
    start, end = token.map or [0, 0]
    closed = end < len(lines) and lines[end].strip().startswith(token.markup)
    return Fold(fold_title(token), start + 1, min(end + 1, len(lines)), closed)


def fold_title(token: Token) -> str:
    """What stands after `::: fold`."""
    return token.info.strip().removeprefix("fold").strip()


def words(text: str) -> int:
    """Counts the words that a reader sees without opening a fold: headings, tables, code and captions are among them.

    A word stands between spaces and holds a letter or a digit. The alternative text of an image is read instead of the
    drawing, so it does not count.
    """
    lines = LINE_END.split(text)
    for fold in folds(text):
        lines[fold.line - 1 : fold.end] = [""] * (fold.end - fold.line + 1)
    return _count("\n".join(lines))


def folded_words(text: str) -> int:
    """Counts the words inside folds as `words` counts those outside. A fold's title is among them."""
    lines = LINE_END.split(text)
    return sum(_count("\n".join((fold.title, *lines[fold.line : fold.end]))) for fold in folds(text))


def _count(text: str) -> int:
    shown = ALTERNATIVE.sub("", COMMENT.sub("", text))
    return sum(any(character.isalnum() for character in word) for word in shown.split())


@dataclass(frozen=True)
class Section:
    """A heading of level 2 and what follows it, until the next one. What stands before the first heading belongs to the
    first section. `line` is that of the heading, from 1.
    """

    title: str
    line: int
    text: str


def sections(text: str) -> tuple[Section, ...]:
    """The parts of a lesson's text that are its steps, if it has steps. Headings in lists, quotations and folds begin
    no section.
    """
    tokens, lines = READER.parse(text), LINE_END.split(text)
    begins = [
        (_plain(tokens[place + 1]).strip(), token.map[0])
        for place, token in enumerate(tokens)
        if token.map and begins_section(token)
    ]
    starts = [0, *(line for _title, line in begins[1:]), len(lines)]
    return (
        tuple(
            Section(title, line + 1, "\n".join(lines[start:end]))
            for (title, line), start, end in zip(begins, starts[:-1], starts[1:], strict=True)
        )
        if begins
        else ()
    )


def begins_section(token: Token) -> bool:
    return token.type == "heading_open" and token.tag == "h2" and token.level == 0
