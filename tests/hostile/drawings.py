"""Hostile SVG files: they run scripts, load files, change the page, exhaust a reader, or imitate another drawing.

Each calls `xss(0)`, which only the page of a test defines, or names the host `evil.test`.
"""

from __future__ import annotations

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"'
LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
CLIPS = "".join(f'<clipPath id="c{n}"><path clip-path="url(#c{n + 1})" d="M0 0"/></clipPath>' for n in range(9))


def svg(inside: str, more: str = "") -> str:
    return f"{HEAD}{more}>{inside}</svg>"


def as_bytes(drawing: str | bytes) -> bytes:
    return drawing if isinstance(drawing, bytes) else drawing.encode()


DRAWINGS: dict[str, str | bytes] = {
    "script": svg("<script>xss(0)</script>"),
    "script with a prefix": svg('<x:script xmlns:x="http://www.w3.org/2000/svg">xss(0)</x:script>'),
    "script of XHTML": svg('<script xmlns="http://www.w3.org/1999/xhtml">xss(0)</script>'),
    "script in CDATA": svg("<script><![CDATA[xss(0)]]></script>"),
    "capital script": svg("<SCRIPT>xss(0)</SCRIPT>"),
    "handler on the root": svg("", ' onload="xss(0)"'),
    "handler on a shape": svg('<rect onclick="xss(0)" width="9" height="9"/>'),
    "handler in capitals": svg('<rect ONCLICK="xss(0)" width="9" height="9"/>'),
    "foreign object": svg(
        '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="xss(0)"/></foreignObject>'
    ),
    "frame": svg('<iframe xmlns="http://www.w3.org/1999/xhtml" srcdoc="&lt;script>parent.xss(0)&lt;/script>"/>'),
    "image of XHTML": svg('<img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="xss(0)"/>'),
    "link": svg('<a xlink:href="javascript:xss(0)"><text x="1" y="5">x</text></a>'),
    "link without a namespace": svg('<a href="javascript:xss(0)"><text x="1" y="5">x</text></a>'),
    "use from outside": svg('<use href="https://evil.test/a.svg#x"/>'),
    "use of data": svg('<use xlink:href="data:image/svg+xml,&lt;svg/&gt;#x"/>'),
    "use of itself": svg('<g id="a"><use href="#a"/></g>'),
    "image from outside": svg('<image href="https://evil.test/a.png" width="9" height="9"/>'),
    "filter image": svg('<filter id="f"><feImage href="https://evil.test/a.png"/></filter>'),
    "animation": svg('<rect width="9" height="9"><animate attributeName="x" onbegin="xss(0)" dur="1s"/></rect>'),
    "set": svg('<set attributeName="href" to="javascript:xss(0)"/>'),
    "style element": svg("<style>@import 'https://evil.test/a.css';</style>"),
    "style that hides the page": svg("<style>body { display: none }</style>"),
    "style attribute": svg('<rect style="fill:url(https://evil.test/a)" width="9" height="9"/>'),
    "fill from outside": svg('<rect fill="url(https://evil.test/a.svg#p)" width="9" height="9"/>'),
    "marker from outside": svg('<path marker-end="url(https://evil.test/a.svg#m)" d="M0 0"/>'),
    "marker that is not there": svg('<path marker-end="url(#main)" d="M0 0"/>'),
    "clip path from outside": svg('<path clip-path="url(\'//evil.test/a\')" d="M0 0"/>'),
    "class of the site": svg('<rect class="position-fixed w-100 vh-100" width="9" height="9"/>'),
    "hook of the site": svg('<g hx-get="/profile/" hx-trigger="load"/>'),
    "data attribute": svg('<g data-hx-on:load="xss(0)"/>'),
    "Alpine": svg('<g x-data="" x-init="xss(0)"/>'),
    "base": svg("", ' xml:base="https://evil.test/"'),
    "language switch": svg('<switch><text systemLanguage="en">x</text></switch>'),
    "pointer events": svg('<rect pointer-events="all" width="9" height="9"/>'),
    "document type": f'<!DOCTYPE svg SYSTEM "https://evil.test/a.dtd">{svg("")}',
    "entity": f'<!DOCTYPE svg [<!ENTITY x "y">]>{svg("<text>&x;</text>")}',
    "entity from a file": f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>{svg("<text>&x;</text>")}',
    "billion laughs": f'<!DOCTYPE svg [<!ENTITY e0 "ha">{LAUGHS}]>{svg("<text>&e9;</text>")}',
    "entity nobody declared": svg("<text>&nbsp;</text>"),
    "style sheet instruction": f'<?xml-stylesheet href="https://evil.test/a.css"?>{svg("")}',
    "PHP": svg("<?php xss(0) ?>"),
    "not XML": "<svg viewBox='0 0 9 9'><rect width=9></svg>",
    "breaks out": svg("</svg><script>xss(0)</script><svg>"),
    "end of a comment": svg("<!-- --><script>xss(0)</script><!-- -->"),
    "HTML": "<html><body onload='xss(0)'/></html>",
    "no namespace": "<svg viewBox='0 0 9 9'/>",
    "shape of XHTML": svg('<rect xmlns="http://www.w3.org/1999/xhtml" width="9" height="9"/>'),
    "shape of nowhere": svg('<rect xmlns="" width="9" height="9"/>'),
    "nested svg": svg('<svg width="9999" height="9999"/>'),
    "no view box": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    "view box of infinity": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1e999 1"/>',
    "view box of nothing": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 nan 1"/>',
    "view box that breaks out": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9&quot; onload=&quot;xss(0)"/>',
    "value that breaks out": svg('<path d="M0 0&quot; onload=&quot;xss(0)"/>'),
    "id that breaks out": svg('<g id="a&quot; onload=&quot;xss(0)"/>'),
    "id twice": svg('<g id="a"/><g id="a"/>'),
    "chain of definitions": svg(f'<defs>{CLIPS}<clipPath id="c9"/></defs><path clip-path="url(#c0)" d="M0 0"/>'),
    "marker in a marker": svg('<marker id="m"><path marker-end="url(#m)" d="M0 0"/></marker>'),
    "text that turns round": svg("<text>\u202egnp.exe</text>"),
    "text with tags": svg("<text>\U000e0041</text>"),
    "text outside of text": svg("xss(0)"),
    "too deep": svg("<g>" * 40 + "</g>" * 40),
    "too many": svg("<g/>" * 2_000),
    "too large": svg(f'<path d="{"M0 0" * 20_000}"/>'),
    "Latin-1": '<?xml version="1.0" encoding="ISO-8859-1"?><svg>\xe9</svg>'.encode("latin-1"),
    "UTF-16": svg("").encode("utf-16"),
    "UTF-7": ('<?xml version="1.0" encoding="UTF-7"?>' + svg("+ADw-script+AD4-xss(0)+ADw-/script+AD4-")).encode(),
    "NUL": svg("\0"),
    "no bytes": b"",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(64)),
}
