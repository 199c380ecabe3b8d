"""What lint asks of links within a course, and of HTML in a lesson's text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from markdown_it.token import Token

from challenges.files.source import Source
from challenges.lesson.text import READER
from challenges.problems import Problem
from challenges.reading import GatheredLesson

INSIDE = re.compile(r"(?:\.\./)+(lesson|challenge)s/([^/#?]+)/?(?:[#?].*)?")
COMMENTS = re.compile(r"(?:\s|<!--.*?-->)*", re.DOTALL)


def lint_links(source: Source, lessons: Sequence[GatheredLesson]) -> None:
    """Links of a course's texts to lessons and challenges that it does not have. `lessons` are all of the course."""
    known = {
        "lesson": [gathered.id for gathered in lessons],
        "challenge": [name for gathered in lessons for name, _ in gathered.challenges],
    }
    for file, text in _texts(lessons):
        for line, target in _links(text):
            match = INSIDE.fullmatch(target)
            if match is None or match[2] in known[match[1]]:
                continue
            near = get_close_matches(match[2], known[match[1]], n=1) or known[match[1]][:5]
            what = f"the course has no {match[1]} `{match[2]}`, to which this link leads"
            source.add(file, line, what, f"link to `../../{match[1]}s/{near[0]}/`, or remove the link")


def lint_html(source: Source, gathered: GatheredLesson) -> None:
    """Advice where HTML stands in a lesson, which readers see as text."""
    for token in READER.parse(gathered.text or ""):
        raw = [token, *(token.children or ())]
        if any(one.type in ("html_block", "html_inline") and not COMMENTS.fullmatch(one.content) for one in raw):
            file = posixpath.join(gathered.rel, "lesson.md")
            fix = "write it in Markdown, or as code between backticks if readers are to see the tags"
            line = token.map[0] + 1 if token.map else None
            source.advice.append(Problem(file, line, "HTML is shown as text, tags included", fix))


def _texts(lessons: Sequence[GatheredLesson]) -> Iterator[tuple[str, str]]:
    for gathered in lessons:
        yield posixpath.join(gathered.rel, "lesson.md"), gathered.text or ""
        for name, bundle in gathered.challenges:
            if bundle is not None:
                yield posixpath.join(gathered.rel, name, "statement.md"), bundle.statement
                yield posixpath.join(gathered.rel, name, "solution.md"), bundle.solution


def _links(text: str) -> Iterator[tuple[int, str]]:
    """The line, from 1, and the target of each link."""
    lines = text.split("\n")
    for token in READER.parse(text):
        for child in token.children or ():
            if child.type == "link_open":
                target = str(child.attrGet("href"))
                yield _line(token, lines, target), target


def _line(token: Token, lines: list[str], target: str) -> int:
    start, end = token.map or (0, 1)
    return next((n for n in range(start, end) if target in lines[n]), start) + 1
