"""Reads YAML with line numbers, so that no author's file can hang, crash or exhaust the reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from challenges.nesting import DEPTH_MAX
from challenges.problems import Problem


class YamlErrors(Exception):
    """The text is not YAML of the kind that is accepted; `problems` holds everything that is wrong, without a file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.what for problem in problems))
        self.problems = problems


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
            found = _child(node, part)
            if found is not None:
                line, node = found
        return line


def read(text: str) -> Located:
    """Reads one YAML document with a mapping on top. Raises `YamlErrors`."""
    try:
        _guard(text)
        loader = yaml.CSafeLoader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise YamlErrors([_at(1, "the file is not a mapping of keys to values", "start it with `key: value`")])
        _refuse_doubles(node)
        return Located(loader.construct_document(node), node)
    except yaml.YAMLError as error:
        raise YamlErrors([_problem(error)]) from error
    # PyYAML trusts an explicit tag: a value tagged as a date or a boolean that is neither raises the last two.
    except (ValueError, OverflowError, RecursionError, TypeError, AttributeError, KeyError) as error:
        what = "a value cannot be read (a date that does not exist, a number that is too long)"
        raise YamlErrors([_at(None, what, "put the value in quotes")]) from error


def _guard(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent):
            raise YamlErrors([_at(line, "anchors and aliases are not taken", "write the value out")])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                raise YamlErrors([_at(line, f"nested deeper than {DEPTH_MAX} levels", "flatten it")])
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


def _problem(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "a character that YAML does not allow"
    return _at(mark.line + 1 if mark else None, f"not valid YAML: {what}", "correct the syntax on or above this line")


def _at(line: int | None, what: str, fix: str) -> Problem:
    """A problem of the text alone; only its reader knows the name of the file."""
    return Problem("", line, what, fix)
