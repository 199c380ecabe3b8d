"""From an author's CommonMark to safe HTML: tables, formulas and code, nothing executable.

Formulas stay LaTeX in `.math` elements, which KaTeX renders in the browser. Lessons mark where their features
stand with comments such as `<!-- demo -->`; `render` cuts the page there.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import pairwise
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

FEATURES = ("figures", "advisor", "demo", "board")
# Stands before the id of a finding, which is a feature of its own.
FINDING = "finding:"
# A private-use character cannot come from an author: it is removed from the text first.
CUT = "\ue000"
MARKER = re.compile(r"^\s*<!--\s*([a-z]+|finding:\s*[a-z0-9-]+)\s*-->\s*$")
BLOCKS = "blockquote br dd div dl dt h1 h2 h3 h4 h5 h6 hr img li ol p pre table tbody td th thead tr ul"
INLINE = "a code del em s span strong sub sup"
TAGS = {*BLOCKS.split(), *INLINE.split()}
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "td": {"class"},
    "th": {"class"},
    **{name: {"class"} for name in ("span", "div", "pre", "code")},
    **{name: {"id"} for name in ("h1", "h2", "h3", "h4", "h5", "h6")},
}


@dataclass(frozen=True)
class Part:
    """A piece of a page: HTML, or the name of a feature that stands here."""

    html: str = ""
    feature: str = ""

    @property
    def finding(self) -> str:
        """The id of the finding that stands here; empty where it is something else."""
        return self.feature.removeprefix(FINDING) if self.feature.startswith(FINDING) else ""


@dataclass(frozen=True)
class Heading:
    level: int
    id: str
    text: str


@dataclass(frozen=True)
class Page:
    """`parts` in order; `headings` of the levels 2 and 3, for a table of contents."""

    parts: tuple[Part, ...]
    headings: tuple[Heading, ...]

    @property
    def html(self) -> str:
        return "".join(part.html for part in self.parts)


@lru_cache(maxsize=64)
def render(text: str) -> Page:
    """Renders `text`; unknown comments and raw HTML are dropped or shown as text."""
    tokens = READER.parse(text.replace(CUT, ""))
    pieces = _clean(READER.renderer.render(tokens, READER.options, {})).split(CUT)
    # Cutting at the character leaves HTML at even places and names of features at odd ones.
    parts = (Part(feature=piece) if n % 2 else Part(html=piece) for n, piece in enumerate(pieces))
    return Page(tuple(part for part in parts if part.feature or part.html.strip()), _headings(tokens))


def _clean(html: str) -> str:
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )


def _headings(tokens: list[Token]) -> tuple[Heading, ...]:
    found = []
    for opened, inline in pairwise(tokens):
        if opened.type == "heading_open" and opened.tag in ("h2", "h3"):
            text = "".join(child.content for child in inline.children or [])
            found.append(Heading(int(opened.tag[1]), str(opened.attrGet("id") or ""), text))
    return tuple(found)


def _code(content: str, language: str, _attributes: str) -> str:
    try:
        body = highlight(content, get_lexer_by_name(language), HtmlFormatter(nowrap=True)) if language else ""
    except ClassNotFound:
        body = ""
    return f'<pre class="highlight"><code>{body or escape(content)}</code></pre>'


def _html_block(tokens: list[Token], place: int, _options: Any, _env: Any) -> str:
    content = tokens[place].content
    marker = MARKER.match(content)
    if marker:
        name = "".join(marker.group(1).split())
        return f"{CUT}{name}{CUT}" if name in FEATURES or name.startswith(FINDING) else ""
    return "" if content.lstrip().startswith("<!--") else f"<p>{escape(content)}</p>"


def _html_inline(tokens: list[Token], place: int, _options: Any, _env: Any) -> str:
    content = tokens[place].content
    return "" if content.startswith("<!--") else escape(content)


def _formula(content: str, display: dict[str, Any]) -> str:
    return escape(content)


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": True, "highlight": _code}).enable("table")
    reader.use(dollarmath_plugin, renderer=_formula, allow_space=False, double_inline=False)
    reader.use(anchors_plugin, max_level=4)
    rules = reader.renderer.rules  # type: ignore[attr-defined]
    rules["html_block"], rules["html_inline"] = _html_block, _html_inline
    return reader


READER = _reader()
