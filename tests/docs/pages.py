"""The project's Markdown pages as a reader's renderer sees them: headings with their anchors, links, tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
MARKDOWN = MarkdownIt("commonmark").enable("table")
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:")


def pages() -> list[Path]:
    """Every page for people who read the source: README and its like, docs, deploy and benchmarks."""
    folders = ("docs", "deploy", "benchmarks")
    found = [*ROOT.glob("*.md"), *(path for folder in folders for path in (ROOT / folder).rglob("*.md"))]
    return sorted(path for path in found if not is_course(path))


def is_course(path: Path) -> bool:
    """Texts of lessons and challenges are for learners, and `gradus challenge lint` reads those."""
    return path.name in ("statement.md", "solution.md") or "lessons" in path.parts


def tokens(text: str) -> list[Token]:
    return MARKDOWN.parse(text)


def links(text: str) -> Iterator[str]:
    """Targets of links and pictures that stay inside the project."""
    for block in tokens(text):
        for token in block.children or ():
            target = token.attrGet("href") or token.attrGet("src")
            if target and not OUTSIDE.match(str(target)):
                yield str(target)


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to headings; a second heading of the same text gets `-1`."""
    found = tokens(text)
    names = [slug(found[i + 1]) for i, token in enumerate(found) if token.type == "heading_open"]
    seen: Counter[str] = Counter()
    result = set()
    for name in names:
        result.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return result


def slug(heading: Token) -> str:
    shown = "".join(token.content for token in heading.children or ())
    return re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")


def cells(line: str) -> int:
    """Cells of a table's line: escaped bars do not divide."""
    return len(re.split(r"(?<!\\)\|", line.strip().strip("|")))


def broken_rows(text: str) -> Iterator[str]:
    """Lines that were meant as a row of a table and are not shown as one, or have too few or too many cells."""
    lines = text.splitlines()
    inside: set[int] = set()
    for token in tokens(text):
        if token.map and token.type in ("fence", "code_block"):
            inside.update(range(*token.map))
        if token.map and token.type == "table_open":
            first, end = token.map
            inside.update(range(first, end))
            yield from (line for line in lines[first:end] if cells(line) != cells(lines[first]))
    yield from (line for number, line in enumerate(lines) if line.startswith("|") and number not in inside)
