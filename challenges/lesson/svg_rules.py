"""Which SVG elements, attributes and values a lesson's illustration may have; everything else is refused.

Colours are classes of the site's palette (`static/css/lesson.css`), so that one file serves the light and the dark
theme. What can load, run, move or style anything is absent from the lists: scripts, event handlers, `foreignObject`,
`style`, `use`, `image`, links, animations and filters.
"""

from __future__ import annotations

import re

NAMESPACE = "http://www.w3.org/2000/svg"
BYTES_MAX = 60_000
ELEMENTS_MAX = 1_000
DEPTH_MAX = 16

SHAPES = frozenset(["path", "rect", "circle", "ellipse", "line", "polyline", "polygon"])
TEXTS = frozenset(["text", "tspan"])
DEFINITIONS = frozenset(["marker", "clipPath"])
ELEMENTS = SHAPES | TEXTS | DEFINITIONS | {"g", "defs"}

COLOURS = (
    *("ink", "muted", "line", "strong", "paper", "surface", "on-accent"),
    *("accent", "accent-soft", "warm", "warm-soft", "blue", "blue-soft"),
)
CLASSES = frozenset(
    [f"{property}-{colour}" for property in ("fill", "stroke") for colour in COLOURS]
    + ["type-strong", "type-small", "type-mono", "type-serif", "type-italic", "is-dashed"]
)

SIZES = frozenset(("x", "y", "width", "height", "version"))

NUMBERS = re.compile(r"[-+0-9.eE,%\s]*")
PATH = re.compile(r"[-+0-9.eE,\sMmLlHhVvCcSsQqTtAaZz]*")
TRANSFORM = re.compile(r"\s*(?:(?:translate|scale|rotate|matrix|skewX|skewY)\([-+0-9.eE,\s]*\)[\s,]*)*")
WORD = re.compile(r"[A-Za-z][A-Za-z-]*(?: [A-Za-z]+)?")
ORIENTATION = re.compile(r"auto(?:-start-reverse)?|[-+0-9.]+")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
PAINT = re.compile(r"none|currentColor")
REFERENCE = re.compile(r"url\(#([A-Za-z][A-Za-z0-9_-]*)\)")

NUMERIC = (
    "x y x1 y1 x2 y2 cx cy r rx ry dx dy width height points viewBox refX refY markerWidth markerHeight font-size "
    "stroke-width stroke-dasharray stroke-dashoffset stroke-miterlimit opacity fill-opacity stroke-opacity rotate "
    "textLength version"
)
WORDS = (
    "text-anchor dominant-baseline stroke-linecap stroke-linejoin fill-rule clip-rule font-style lengthAdjust "
    "preserveAspectRatio markerUnits clipPathUnits"
)
REFERENCES = frozenset(("marker-start", "marker-end", "clip-path"))

ATTRIBUTES: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(NUMERIC.split(), NUMBERS),
    **dict.fromkeys(WORDS.split(), WORD),
    **dict.fromkeys(("fill", "stroke"), PAINT),
    **dict.fromkeys(REFERENCES, REFERENCE),
    "d": PATH,
    "transform": TRANSFORM,
    "orient": ORIENTATION,
    "id": NAME,
}

ELEMENT_FIXES = {
    "title": "remove it: the alternative text in lesson.md names the picture",
    "desc": "remove it: the alternative text in lesson.md describes the picture",
    "metadata": "remove it, or export the drawing as plain SVG",
    "style": "remove it and give the shapes classes of the site's palette",
    "use": "write the shape again where it is used",
    "image": "draw it as shapes: an illustration cannot hold pictures",
    "a": "remove it: links belong in lesson.md",
}
ATTRIBUTE_FIXES = {
    "style": "remove it and use attributes, and classes for colours",
    "font-family": "remove it, or use one of the classes type-mono and type-serif",
    "font-weight": "use the class type-strong",
    "href": "remove it: an illustration refers to nothing outside itself",
}
