"""From an author's CommonMark to safe HTML: tables, formulas and code, nothing executable.

Formulas stay LaTeX in `.math` elements, which KaTeX renders in the browser. Lessons mark where their features
stand with comments such as `<!-- demo -->`; `render` cuts the page there, and where an illustration stands. Folds
become `<details>`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import pairwise
from typing import Any

import nh3
import structlog
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from challenges.lesson.svg import read_svg
from challenges.lesson.text import Image, begins_section, fold_title, image_of, reader
from gradus.courses.bundles import BundleMissing, lesson_content
from gradus.courses.models import Lesson

log = structlog.get_logger()

FEATURES = ("figures", "advisor", "demo", "retriever", "board")
# Stands before the id of a finding, which is a feature of its own.
FINDING = "finding:"
# Stands before the id of a question that readers can check their understanding with.
QUESTION = "question:"
# Stands before the id of a challenge for which readers are ready at this place.
CHALLENGE = "challenge:"
# Stands before the id of a heading that begins a step, where the lesson has steps.
STEP = "step:"
# A private-use character cannot come from an author: it is removed from the text first.
CUT = "\ue000"
MARKER = re.compile(r"^\s*<!--\s*([a-z]+|(?:finding|question|challenge):\s*[a-z0-9-]+)\s*-->\s*$")
# A link to a lesson or challenge of this site, from its root or from one of its pages.
OWN_LINK = re.compile(r"((?:/|(?:\.\./)+)?)((?:lessons|challenges)/[a-z0-9-]+)((?:[/?#].*)?)", re.DOTALL)
BLOCKS = "blockquote br dd details div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre summary table tbody td th thead tr ul"
INLINE = "a code del em s span strong sub sup"
TAGS = {*BLOCKS.split(), *INLINE.split()}
LINE_TAGS = {*INLINE.split()} - {"a"}
ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    "td": {"class"},
    "th": {"class"},
    **{name: {"class"} for name in ("span", "div", "pre", "code", "details")},
    **{name: {"id"} for name in ("h1", "h2", "h3", "h4", "h5", "h6")},
}


@dataclass(frozen=True)
class Part:
    """A piece of a page: HTML, or the name of a feature that stands here, or an illustration.

    The HTML of an illustration is its alternative text, for pages that have no files to show.
    """

    html: str = ""
    feature: str = ""
    illustration: Image | None = None

    @property
    def finding(self) -> str:
        """The id of the finding that stands here; empty where it is something else."""
        return self._named(FINDING)

    @property
    def question(self) -> str:
        """The id of the question that stands here; empty where it is something else."""
        return self._named(QUESTION)

    @property
    def challenge(self) -> str:
        """The id of the challenge that is marked here; empty where it is something else."""
        return self._named(CHALLENGE)

    @property
    def step(self) -> str:
        """The id of the step that begins here; empty where it is something else."""
        return self._named(STEP)

    def _named(self, prefix: str) -> str:
        return self.feature.removeprefix(prefix) if self.feature.startswith(prefix) else ""


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
def render(text: str, moved: tuple[tuple[str, str], ...] = ()) -> Page:
    """Renders `text`; unknown comments and raw HTML are dropped or shown as text.

    `moved` holds paths that links of this site name, such as `challenges/ID`, each with the path to link to instead.
    """
    tokens = READER.parse(text.replace(CUT, ""))
    shown: dict[str, Image] = {}
    pieces = _clean(READER.renderer.render(tokens, READER.options, shown), dict(moved)).split(CUT)
    # Cutting at the character leaves HTML at even places and names of features or illustrations at odd ones.
    parts = (_cut_out(piece, shown) if n % 2 else Part(html=piece) for n, piece in enumerate(pieces))
    return Page(tuple(part for part in parts if part.feature or part.html.strip()), _headings(tokens))


@lru_cache(maxsize=512)
def render_line(text: str) -> str:
    """Renders a text that stands within a line, such as a question: emphasis, code and formulas, without links."""
    html = READER.renderInline(text.replace(CUT, "")).strip()
    return nh3.clean(html, tags=LINE_TAGS, attributes={name: {"class"} for name in ("span", "code")})


def _cut_out(name: str, shown: dict[str, Image]) -> Part:
    image = shown.get(name)
    return Part(html=f"<p>{escape(image.alternative)}</p>", illustration=image) if image else Part(feature=name)


def _clean(html: str, moved: Mapping[str, str]) -> str:
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=lambda _tag, name, value: _link(value, moved) if name == "href" else value,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )


def _link(address: str, moved: Mapping[str, str]) -> str:
    """A link within the site leads to where its path has moved."""
    link = OWN_LINK.fullmatch(address)
    return f"{link[1]}{moved.get(link[2], link[2])}{link[3]}" if link else address


def _headings(tokens: list[Token]) -> tuple[Heading, ...]:
    """Headings inside folds are left out: the table of contents lists what is in sight."""
    headings, folded = [], 0
    for opened, inline in pairwise(tokens):
        folded += {"container_fold_open": 1, "container_fold_close": -1}.get(opened.type, 0)
        if not folded and opened.type == "heading_open" and opened.tag in ("h2", "h3"):
            text = "".join(child.content for child in inline.children or [])
            headings.append(Heading(int(opened.tag[1]), str(opened.attrGet("id") or ""), text))
    return tuple(headings)


def _code(content: str, language: str, _attributes: str) -> str:
    try:
        body = highlight(content, get_lexer_by_name(language), HtmlFormatter(nowrap=True)) if language else ""
    except ClassNotFound:
        body = ""
    return f'<pre class="highlight"><code>{body or escape(content)}</code></pre>'


def _heading_open(tokens: list[Token], place: int, _options: Any, _env: Any) -> str:
    token = tokens[place]
    name = escape(str(token.attrGet("id") or ""))
    # A heading of signs alone has no id.
    begins = f"{CUT}{STEP}{name or place}{CUT}" if begins_section(token) else ""
    return f'{begins}<{token.tag} id="{name}">' if name else f"<{token.tag}>"


def _html_block(tokens: list[Token], place: int, _options: Any, _env: Any) -> str:
    content = tokens[place].content
    marker = MARKER.match(content)
    if marker:
        name = "".join(marker.group(1).split())
        return f"{CUT}{name}{CUT}" if name in FEATURES or name.startswith((FINDING, QUESTION, CHALLENGE)) else ""
    return "" if content.lstrip().startswith("<!--") else f"<p>{escape(content)}</p>"


def _html_inline(tokens: list[Token], place: int, _options: Any, _env: Any) -> str:
    content = tokens[place].content
    return "" if content.startswith("<!--") else escape(content)


def _illustration(tokens: list[Token], place: int, _options: Any, shown: dict[str, Image]) -> str:
    image = image_of(tokens[place], alone=True)
    if not image.is_illustration:
        return f"<p>{escape(image.alternative)}</p>"
    name = f"illustration-{len(shown) + 1}"
    shown[name] = image
    return f"{CUT}{name}{CUT}"


def _image(tokens: list[Token], place: int, _options: Any, _env: Any) -> str:
    """An image that is no illustration has no file here."""
    return escape(image_of(tokens[place], alone=False).alternative)


def _fold_open(tokens: list[Token], place: int, _options: Any, _env: Any) -> str:
    return f'<details class="fold"><summary>{escape(fold_title(tokens[place]) or "More")}</summary>'


def _fold_close(_tokens: list[Token], _place: int, _options: Any, _env: Any) -> str:
    return "</details>"


def _formula(content: str, display: dict[str, Any]) -> str:
    return escape(content)


def _reader() -> MarkdownIt:
    made = reader(_formula, highlight=_code)
    made.use(anchors_plugin, max_level=4)
    made.renderer.rules.update(  # type: ignore[attr-defined]
        heading_open=_heading_open,
        html_block=_html_block,
        html_inline=_html_inline,
        illustration=_illustration,
        image=_image,
        container_fold_open=_fold_open,
        container_fold_close=_fold_close,
    )
    return made


READER = _reader()


def with_drawings(lesson: Lesson, page: Page) -> list[tuple[Part, SafeString]]:
    """The parts of a lesson's page in order, each with its drawing.

    The drawing is empty where the part is no illustration, and where the file is missing or refused: then the page
    shows the part's HTML, which is the alternative text. Ids differ between any two drawings of the page.
    """
    return [(part, _drawing(lesson, part, f"i{number}-")) for number, part in enumerate(page.parts, 1)]


def _drawing(lesson: Lesson, part: Part, prefix: str) -> SafeString:
    image = part.illustration
    if image is None:
        return SafeString()
    try:
        return _markup(lesson.digest, image.source, prefix, image.alternative)
    except (BundleMissing, ValueError) as error:
        log.warning("illustration_not_shown", lesson=lesson.slug, file=image.source, reason=str(error))
        return SafeString()


@lru_cache(maxsize=128)
def _markup(digest: str, name: str, prefix: str, label: str) -> SafeString:
    """A digest stands for one content only, so what is kept stays true. Raises BundleMissing and ValueError."""
    return mark_safe(read_svg(lesson_content(digest, name)).markup(prefix, label))  # noqa: S308
