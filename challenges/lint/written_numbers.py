"""Finds numbers in a lesson's text that a reader could take for a measured result.

A result stands in a finding, which fills it from a record. What a sentence may write out: numbers whose source it
cites, rules of thumb, made-up examples, sums with their formula, quantities with a unit, settings as code, and what
stands in a quotation of its own (`>`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it.token import Token

from challenges.lesson.text import READER

_UNITS = "GB|GiB|MB|MiB|kB|TB|euros?|cents?|dollars?|seconds?|minutes?|hours?|days?|ms|s|g|kg|km|m|cm|mm|tokens?"
# Per cent, or a decimal from 0 to 1 without a unit. A version (3.0.1) or a part of a name (GPT-0.5) is neither.
_NUMBER = re.compile(
    r"(?<![\w.,])(?<![A-Za-z]-)"
    r"(?:\d+(?:[.,]\d+)*\s?(?:%|per\s?cent\b)"
    rf"|(?:0?\.\d+|1\.0+)(?!\w|[.,]\d)(?!\s?%|\s?per\s?cent\b|\s(?:{_UNITS})\b))",
    re.IGNORECASE,
)
_NAME = r"[A-Z][\w'-]+"
_CITED = re.compile(
    r"\([^()]*[A-Z][^()]*\b(?:19|20)\d\d\b[^()]*\)"
    rf"|\b{_NAME} (?:et al\.|(?:and|&) {_NAME}),? \(?(?:19|20)\d\d\b"
    r"|\barXiv\b"
)
_NOT_MEASURED = re.compile(
    r"\b(?:rules? of thumb|ma[dk]e up|invented|suppose|imagine|for (?:example|instance))\b", re.I
)
_LEVEL = re.compile(r"(?:90|95|99)\s?(?:%|per\s?cent)", re.IGNORECASE)
_ABOUT_INTERVALS = re.compile(r"\b(?:confidence|intervals?)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[\"“'(*]*[A-Z])")
# Stands for a formula, which letters and digits cannot do.
_FORMULA = "\u2211"
_CELL = "\u241e"


@dataclass(frozen=True)
class Written:
    """A number as the text has it, with the line, from 1, on which its paragraph or row begins."""

    line: int
    number: str


def written_numbers(text: str) -> tuple[Written, ...]:
    """All numbers of a lesson's text, in order, that read like a measured result and name no source."""
    blocks = list(_blocks(READER.parse(text)))
    return tuple(
        Written(block.line, number)
        for place, block in enumerate(blocks)
        if not (block.is_table and _has_a_source(blocks[max(0, place - 1) : place + 2]))
        for sentence in block.sentences
        for number in _numbers(sentence)
    )


@dataclass
class _Block:
    """A paragraph, a heading or a row of a table. All rows of a table together are one block."""

    line: int
    text: str
    is_table: bool = False

    @property
    def sentences(self) -> list[str]:
        return self.text.split(_CELL) if self.is_table else _SENTENCE_END.split(self.text)


def _blocks(tokens: list[Token]) -> Iterator[_Block]:
    table: _Block | None = None
    quoted = 0
    for token in tokens:
        quoted += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if quoted:
            continue
        if token.type == "table_open":
            table = _Block(token.map[0] + 1 if token.map else 1, "", is_table=True)
        elif token.type == "table_close" and table is not None:
            yield table
            table = None
        elif token.type == "inline" and table is not None:
            table.text += _CELL + _prose(token)
        elif token.type == "inline":
            yield _Block(token.map[0] + 1 if token.map else 1, _prose(token))


def _prose(token: Token) -> str:
    """What is read of a paragraph: no code, no link, no image; a sign stands for each formula."""
    parts, within = list[str](), 0
    for child in token.children or ():
        within += {"link_open": 1, "link_close": -1}.get(child.type, 0)
        if child.type.startswith("math"):
            parts.append(_FORMULA)
        elif child.type in ("softbreak", "hardbreak", "code_inline"):
            parts.append(" ")
        elif child.type == "text" and not within:
            parts.append(child.content)
    return "".join(parts)


def _has_a_source(blocks: list[_Block]) -> bool:
    """Whether a table, or what stands directly before or after it, cites a source."""
    return any(_CITED.search(block.text) or _NOT_MEASURED.search(block.text) for block in blocks)


def _numbers(sentence: str) -> list[str]:
    if _FORMULA in sentence or _CITED.search(sentence) or _NOT_MEASURED.search(sentence):
        return []
    numbers = [one.strip() for one in _NUMBER.findall(sentence)]
    return [one for one in numbers if not (_ABOUT_INTERVALS.search(sentence) and _LEVEL.fullmatch(one))]
