"""YAML with line numbers, read so that no author's file can hang, crash or outgrow the reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from challenges.nesting import DEPTH_MAX


@dataclass(frozen=True)
class Fault:
    line: int | None
    what: str
    mend: str


class YamlFaults(Exception):
    """`faults` holds everything that is wrong with the text."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.what for fault in faults))
        self.faults = faults


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
    """Reads one YAML document with a mapping on top. Raises `YamlFaults`."""
    try:
        _guard(text)
        loader = yaml.CSafeLoader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise YamlFaults([Fault(1, "the file is not a mapping of keys to values", "start it with `key: value`")])
        _refuse_doubles(node)
        return Located(loader.construct_document(node), node)
    except yaml.YAMLError as error:
        raise YamlFaults([_fault(error)]) from error
    # PyYAML believes a tag: what it says is a date or a truth value, and is none, ends in the last two.
    except (ValueError, OverflowError, RecursionError, TypeError, AttributeError, KeyError) as error:
        what = "a value cannot be read (a date that does not exist, a number that is too long)"
        raise YamlFaults([Fault(None, what, "put the value in quotes")]) from error


def _guard(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent):
            raise YamlFaults([Fault(line, "anchors and aliases are not taken", "write the value out")])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                raise YamlFaults([Fault(line, f"nested deeper than {DEPTH_MAX} levels", "flatten it")])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _refuse_doubles(root: yaml.Node) -> None:
    faults: list[Fault] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, yaml.MappingNode):
            faults += _doubles(node)
            stack += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            stack += node.value
    if faults:
        raise YamlFaults(sorted(faults, key=lambda fault: fault.line or 0))


def _doubles(node: yaml.MappingNode) -> list[Fault]:
    seen: set[str] = set()
    faults = []
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name in seen:
            faults.append(Fault(key.start_mark.line + 1, f"the key `{name}` stands twice", "keep one of them"))
        seen.add(name)
    return faults


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
        value = node.value[part]
        return value.start_mark.line + 1, value
    return None


def _fault(error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "a character that YAML does not allow"
    return Fault(mark.line + 1 if mark else None, f"not valid YAML: {what}", "correct the syntax on or above this line")
