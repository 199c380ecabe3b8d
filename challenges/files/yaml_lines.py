"""The one reader of YAML, for the files of authors, learners and operators: YAML 1.2 with line numbers.

No file can hang, crash or exhaust it: anchors and aliases, deep nesting and keys that stand twice are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from challenges.files.nesting import DEPTH_MAX
from challenges.files.yaml_mistakes import TOO_DEEP, in_words
from challenges.problems import Problem

ALIAS = "write the value out, or put a text that begins with `&` or `*` in quotes"
DIGITS_MAX = 300
"""Python reads whole numbers of at most 4,300 digits. No key of ours means one of more than a few."""


class YamlErrors(Exception):
    """The text is not YAML of the kind that is accepted; `problems` holds everything that is wrong, without a file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.what for problem in problems))
        self.problems = problems


class Loader(yaml.CSafeLoader):
    """PyYAML with the core schema of YAML 1.2 (section 10.3.2) in place of the types of YAML 1.1.

    `no`, `on` and `2026-01-01` are texts, and `1e-3` is a number.
    """

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}


# The type of a plain value, the characters that it may begin with, and how it is written. An empty value is null.
CORE = (
    ("null", ("~", "n", "N", ""), r"~|null|Null|NULL|"),
    ("bool", tuple("tTfF"), r"true|True|TRUE|false|False|FALSE"),
    ("int", tuple("-+0123456789"), r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    (
        "float",
        tuple("-+.0123456789"),
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    ),
)
for name, first, written in CORE:
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(rf"^(?:{written})$"), first)


def _whole(loader: Loader, node: yaml.ScalarNode) -> int:
    """A whole number. PyYAML would read `010` as 8, and `0o10` not at all."""
    text = str(loader.construct_scalar(node))
    if len(text) > DIGITS_MAX:
        what, fix = "the number has too many digits", "shorten it, or put it in quotes if it is a text"
        raise YamlErrors([_at(node.start_mark.line + 1, what, fix)])
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


Loader.add_constructor("tag:yaml.org,2002:int", _whole)
# What an explicit tag may say; a value without one, or with a lone `!`, has the first or the second.
YAML_TAG = "tag:yaml.org,2002:"
TAGS = (None, "!", *(f"{YAML_TAG}{name}" for name in ("str", "seq", "map", "null", "bool", "int", "float")))


@dataclass(frozen=True)
class Located:
    """Plain data and, for any path of keys and indices into it, the line where the value stands (from 1)."""

    data: Any
    node: yaml.Node

    def line(self, *path: str | int) -> int:
        """The line of the deepest part of `path` that exists; parts that the text does not have are skipped.

        pydantic puts the names of union members into its locations, which is why a part may be unknown.
        """
        node, line = self.node, self.node.start_mark.line + 1
        for part in path:
            child = _child(node, part)
            if child is not None:
                line, node = child
        return line

    def path(self, location: Sequence[str | int], *, whole: bool = False) -> tuple[str | int, ...]:
        """The parts of a location of pydantic that the text has. With `whole`, the last part stays in any case."""
        node, path = self.node, list[str | int]()
        for part in location:
            child = _child(node, part)
            if child is not None:
                node = child[1]
                path.append(part)
        missing = whole and path[-1:] != [location[-1]]
        return (*path, location[-1]) if missing else tuple(path)


def read(text: str) -> Located:
    """Reads one YAML document with a mapping on top. Raises `YamlErrors`."""
    try:
        _guard(text)
        loader = Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise YamlErrors([_at(1, "the file is not a mapping of keys to values", "start it with `key: value`")])
        _refuse_doubles(node)
        return Located(loader.construct_document(node), node)
    except yaml.YAMLError as error:
        raise YamlErrors([in_words(error, text)]) from error
    # PyYAML trusts an explicit tag: a value that is tagged as a boolean and is none raises a KeyError.
    except (ValueError, OverflowError, RecursionError, TypeError, AttributeError, KeyError) as error:
        what = "a value cannot be read, such as a number that is too long"
        raise YamlErrors([_at(None, what, "put the value in quotes")]) from error


def _guard(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if (tag := getattr(event, "tag", None)) not in TAGS:
            what = f"the tag `{str(tag).replace(YAML_TAG, '!!')}` is not taken"
            raise YamlErrors([_at(line, what, "write the plain value, in quotes if it is a text")])
        if getattr(event, "anchor", None) is not None:
            raise YamlErrors([_at(line, "anchors and aliases are not taken", ALIAS)])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                raise YamlErrors([_at(line, *TOO_DEEP)])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _refuse_doubles(root: yaml.Node) -> None:
    problems: list[Problem] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, yaml.MappingNode):
            problems += _doubles(node)
            stack += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            stack += node.value
    if problems:
        raise YamlErrors(sorted(problems, key=lambda problem: problem.line or 0))


def _doubles(node: yaml.MappingNode) -> list[Problem]:
    seen: set[str] = set()
    problems = []
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name in seen:
            problems.append(_at(key.start_mark.line + 1, f"the key `{name}` stands twice", "keep one of them"))
        seen.add(name)
    return problems


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
        value = node.value[part]
        return value.start_mark.line + 1, value
    return None


def _at(line: int | None, what: str, fix: str) -> Problem:
    """A problem of the text alone; only its reader knows the name of the file."""
    return Problem("", line, what, fix)
