"""Reads an author's SVG drawing strictly, and writes it again with nothing but what the allow-list names.

The drawing is parsed by expat without any document type, so there are no entities to expand. The page never shows the
author's bytes: `Drawing.markup` writes a new text from the parsed tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from xml.parsers import expat

from challenges.characters import unwanted
from challenges.files.encodings import other_encoding
from challenges.lesson import svg_rules as rules
from challenges.problems import Problem

PROBLEMS_MAX = 20
# What expat says of the commonest mistakes, as their cause and cure.
XML = {
    "no element found": (
        "is not well-formed XML: it ends before all elements are closed",
        "close them; the last line is `</svg>`",
    ),
    "mismatched tag": (
        "is not well-formed XML: an element is closed by the tag of another one",
        "close each element with its own name, the innermost first",
    ),
    "undefined entity": (
        "is not well-formed XML: a name such as `&nbsp;` is known only to HTML",
        "write the character itself",
    ),
}


class _Stop(Exception):
    """The rest of the drawing cannot be checked."""


@dataclass
class Element:
    """One element of the allow-list, with its allowed attributes in the author's order; `line` counts from 1."""

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def inside(self) -> Iterator[Element]:
        """All elements below this one, in document order."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.inside()


@dataclass(frozen=True)
class Drawing:
    """A parsed drawing. It may be shown only if `problems` is empty; `root` is None if there is no `<svg>`.

    The problems do not name a file, which only the caller knows.
    """

    root: Element | None
    problems: tuple[Problem, ...]

    def markup(self, prefix: str, label: str) -> str:
        """The drawing as inline SVG: an image whose accessible name is `label`, with `prefix` before each id.

        Raises ValueError if the drawing has problems.
        """
        if self.root is None or self.problems:
            raise ValueError("a drawing with problems is not shown")
        opening = f'<svg role="img" aria-label="{escape(label)}"{_pairs(self.root, prefix)}>'
        return opening + "".join(_written(child, prefix) for child in self.root.children) + "</svg>"


def _written(node: Element | str, prefix: str) -> str:
    if isinstance(node, str):
        return escape(node)
    inside = "".join(_written(child, prefix) for child in node.children)
    return f"<{node.tag}{_pairs(node, prefix)}>{inside}</{node.tag}>"


def _pairs(element: Element, prefix: str) -> str:
    """The attributes of an element as text, without the size of the root, which the page decides."""
    left_out = rules.SIZES if element.tag == "svg" else ()
    kept = ((name, text) for name, text in element.attributes.items() if name not in left_out)
    return "".join(f' {name}="{escape(_own(name, text, prefix))}"' for name, text in kept)


def _own(name: str, text: str, prefix: str) -> str:
    if name == "id":
        return prefix + text
    return text.replace("url(#", f"url(#{prefix}") if name in rules.REFERENCES else text


def read_svg(data: bytes) -> Drawing:
    """Parses `data` and checks it against `svg_rules`. Raises nothing: what is wrong is in `problems`, by line."""
    if len(data) > rules.BYTES_MAX:
        what = f"has {len(data):,} bytes; {rules.BYTES_MAX:,} are allowed"
        return Drawing(None, (Problem("", 1, what, "simplify the drawing, or round its numbers"),))
    reader = _Reader()
    reader.read(data)
    if reader.root is not None and not reader.problems:
        _check_references(reader)
    return Drawing(reader.root, tuple(reader.problems))


def _check_references(reader: _Reader) -> None:
    """Checks that each reference names an id of the drawing, and that definitions do not refer to each other."""
    assert reader.root is not None
    ids = [element.attributes["id"] for element in reader.root.inside() if "id" in element.attributes]
    for name in sorted({one for one in ids if ids.count(one) > 1}):
        reader.add(1, f"the id `{name}` stands twice", "give each element an id of its own")
    for element in reader.root.inside():
        inner = list(element.inside()) if element.tag in rules.DEFINITIONS else []
        if (
            any(rules.REFERENCES & set(one.attributes) for one in (element, *inner))
            and element.tag in rules.DEFINITIONS
        ):
            reader.add(element.line, f"<{element.tag}> refers to another definition", "draw it without the reference")
        for attribute in rules.REFERENCES & set(element.attributes):
            reference = rules.REFERENCE.fullmatch(element.attributes[attribute])
            if reference and reference.group(1) not in ids:
                what = f"`{attribute}` names `#{reference.group(1)}`, which is not in the drawing"
                reader.add(element.line, what, "correct the name, or add the definition")


class _Reader:
    """Collects the tree and the problems while expat reads."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self.problems: list[Problem] = []
        self._open: list[Element] = []
        self._count = 0
        # The encoding overrides whatever the file declares.
        self._parser = parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def read(self, data: bytes) -> None:
        try:
            if (wrong := other_encoding(data)) is not None:
                self.add(1, wrong[0], "draw it as SVG in a program for drawings, and save it as UTF-8")
                return
            self._parser.Parse(data.decode(), True)
        except UnicodeDecodeError as error:
            self.add(data[: error.start].count(b"\n") + 1, "is not UTF-8", "save the file as UTF-8")
        except expat.ExpatError as error:
            words = expat.ErrorString(error.code)
            what, fix = XML.get(words, (f"is not well-formed XML ({words})", "correct the markup at this place"))
            self.add(min(error.lineno, data.strip().count(b"\n") + 1), what, fix)
        except _Stop:
            pass

    def add(self, line: int, what: str, fix: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem("", line, what, fix))

    def _here(self, what: str, fix: str) -> None:
        self.add(self._parser.CurrentLineNumber, what, fix)

    def _doctype(self, *_: object) -> None:
        self._here("has a document type", "remove the <!DOCTYPE ...> line")
        raise _Stop

    def _instruction(self, target: str, _data: str) -> None:
        self._here(f"has a processing instruction <?{target[:40]} ...?>", "remove it")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > rules.ELEMENTS_MAX or len(self._open) >= rules.DEPTH_MAX:
            limits = f"{rules.ELEMENTS_MAX:,} elements, {rules.DEPTH_MAX} deep"
            self._here(f"is too large a drawing; allowed are {limits}", "simplify the drawing")
            raise _Stop
        namespace, _, tag = name.rpartition(" ")
        element = Element(tag, self._parser.CurrentLineNumber)
        if self._open:
            self._open[-1].children.append(element)
            self._check_element(namespace, tag)
        else:
            self._check_root(namespace, tag, attributes)
            self.root = element
        self._open.append(element)
        for attribute, text in attributes.items():
            if self._allows(tag, attribute, text):
                element.attributes[attribute] = text

    def _check_root(self, namespace: str, tag: str, attributes: dict[str, str]) -> None:
        if (namespace, tag) != (rules.NAMESPACE, "svg"):
            self._here("is not an SVG drawing", f'begin with <svg xmlns="{rules.NAMESPACE}" viewBox="0 0 ...">')
            raise _Stop
        box = attributes.get("viewBox", "").replace(",", " ").split()
        try:
            width, height = [float(number) for number in box][2:]
        except ValueError:
            width = height = 0.0
        if len(box) != 4 or not (0 < width < 1e5 and 0 < height < 1e5):
            self._here("<svg> has no usable `viewBox`", 'add viewBox="0 0 WIDTH HEIGHT"')

    def _check_element(self, namespace: str, tag: str) -> None:
        if namespace != rules.NAMESPACE or tag not in rules.ELEMENTS:
            fix = rules.ELEMENT_FIXES.get(tag, f"remove it; allowed are {', '.join(sorted(rules.ELEMENTS))}")
            self._here(f"the element <{tag[:40]}> is not allowed", fix)

    def _allows(self, tag: str, attribute: str, text: str) -> bool:
        if attribute == "class":
            return self._allows_classes(text)
        pattern = rules.ATTRIBUTES.get(attribute)
        local = attribute.rpartition(" ")[2]
        if pattern is None:
            fix = rules.ATTRIBUTE_FIXES.get(local, "remove it")
            self._here(f"the attribute `{local[:40]}` of <{tag[:40]}> is not allowed", fix)
        elif not pattern.fullmatch(text):
            fix = "use a class such as fill-accent or stroke-ink" if pattern is rules.PAINT else "correct the value"
            self._here(f"`{attribute}` of <{tag[:40]}> has a value that is not allowed", fix)
        return pattern is not None and pattern.fullmatch(text) is not None

    def _allows_classes(self, text: str) -> bool:
        unknown = [name for name in text.split() if name not in rules.CLASSES]
        for name in unknown:
            self._here(f"there is no class `{name[:40]}`", "use one of the classes that docs/bundle.md lists")
        return not unknown

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        if self._open and self._open[-1].tag in rules.TEXTS:
            if (character := unwanted(text, unseen=True)) is not None:
                self._here(f"the text holds {character}, which cannot be seen", "remove it")
            self._open[-1].children.append(text)
        elif text.strip() and (not self._open or self._open[-1].tag in {"svg", *rules.ELEMENTS}):
            self._here("text stands outside of <text>", "put it into a <text> element")
