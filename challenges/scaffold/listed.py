"""Adds an entry to a list in a YAML file without touching the rest of its text, comments included."""

from __future__ import annotations

import re
from typing import Any

import yaml

from challenges.files.yaml_lines import YamlErrors, read

BOM = "\ufeff"


class CannotAdd(Exception):
    """The text is written in a way that this module does not change. The message says so."""


def add_to_list(text: str, key: str, entry: str) -> str:
    """Returns the text with `entry` at the end of the list under the top-level `key`. Raises `CannotAdd`.

    The entry is a plain word. What the text meant before, it means afterwards, with one entry more.
    """
    bare = text.removeprefix(BOM)
    try:
        before = read(bare)
    except YamlErrors as error:
        raise CannotAdd(f"it cannot be read: {error}") from error
    listed = before.data.get(key) or []
    if not isinstance(listed, list):
        raise CannotAdd(f"`{key}` is no list")
    changed = _changed(bare, before.node, key, entry)
    if not _means(changed, {**before.data, key: [*listed, entry]}):
        raise CannotAdd(f"its list `{key}` is written in an unusual way")
    return text[: len(text) - len(bare)] + changed


def _means(text: str, data: dict[str, Any]) -> bool:
    try:
        return bool(read(text).data == data)
    except YamlErrors:
        return False


def _changed(text: str, root: yaml.Node, key: str, entry: str) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    value = next((v for k, v in root.value if k.value == key), None)
    lines = text.splitlines(keepends=True)
    if value is None:
        return f"{text.rstrip()}{end}{key}: [{entry}]{end}" if text.strip() else f"{key}: [{entry}]{end}"
    if not isinstance(value, yaml.SequenceNode):
        # An empty value, where the first entry has yet to be written.
        number = value.start_mark.line
        lines[number] = re.sub(rf"^({re.escape(key)}\s*:)\s*", rf"\1 [{entry}] ", lines[number], count=1).rstrip() + end
        return "".join(lines)
    if value.flow_style:
        number, column = value.end_mark.line, value.end_mark.column - 1
        line = lines[number]
        comma = ", " if value.value and not line[:column].rstrip().endswith(",") else ""
        lines[number] = f"{line[:column].rstrip() if comma else line[:column]}{comma}{entry}{line[column:]}"
        return "".join(lines)
    number = value.value[-1].end_mark.line - (value.value[-1].end_mark.column == 0)
    if not lines[number].endswith("\n"):
        lines[number] += end
    lines.insert(number + 1, f"{' ' * value.start_mark.column}- {entry}{end}")
    return "".join(lines)
