"""The folder of a challenge into which rows are written: its form, the rows that stand there, and what would change."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from challenges.authoring.unwritten import is_unwritten
from challenges.files.source import ROWS_MAX, Source
from challenges.files.yaml_lines import Located
from challenges.tables.entries import Entry
from challenges.texts import normal, several

PUBLIC, HIDDEN, TRAIN = FILES = ("public.jsonl", "hidden.jsonl", "train.jsonl")
GOLD = "gold.jsonl"
SPEC = "challenge.yaml"
INPUT_KEYS = ("input", "prompt", "answer")
# Plain texts that our reader takes as texts, and other readers of YAML do not.
AMBIGUOUS = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n"])
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*( [A-Za-z0-9_.-]+)*")


@dataclass
class Standing:
    """The rows of one file by their text's key, without rows of a template."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_template: bool = False
    unread: int = 0
    """How many lines cannot be read as a row."""
    repeated: int = 0
    """How many rows have the text of a row below them, and are not in `rows`."""

    @property
    def exists(self) -> bool:
        """Whether the file holds anything."""
        return bool(self.rows or self.is_template or self.unread)


def standing(folder: Path, name: str) -> Standing:
    """The rows that a file holds now. Nothing is raised for what cannot be read."""
    found = Standing()
    data = Source(folder).data(name, ROWS_MAX, needed=False)
    if data is None and (folder / name).exists():
        # Such as a link that leads out of the folder.
        found.unread = 1
    for line in (data or b"").splitlines():
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text = next(row[key] for key in INPUT_KEYS if isinstance(row.get(key), str))
        except (ValueError, RecursionError, AttributeError, StopIteration):
            found.unread += 1
            continue
        if is_unwritten(line.decode(errors="replace")):
            found.is_template = True
        else:
            key = normal(text)
            found.repeated += key in found.rows
            found.rows[key] = row
    return found


@dataclass(frozen=True)
class Change:
    """What writing one file changes: how many rows are new, go, or have other content."""

    file: str
    added: int
    removed: int
    changed: int
    unread: int
    repeated: int

    @property
    def is_harmless(self) -> bool:
        """Whether nothing is lost: rows of the author's own stay as they are."""
        return not (self.removed or self.changed or self.unread or self.repeated)

    def __str__(self) -> str:
        kinds = {"added": self.added, "removed": self.removed, "with other content": self.changed}
        said = [f"{several(count, 'row')} {kind}" for kind, count in kinds.items() if count]
        repeating = f"{several(self.repeated, 'row')} removed that {'repeat' if self.repeated > 1 else 'repeats'}"
        said += [f"{repeating} the text of another one"] if self.repeated else []
        said += [f"{several(self.unread, 'line')} that cannot be read removed"] if self.unread else []
        return f"{self.file}: {', '.join(said) or 'nothing changes'}"


def change(name: str, before: Standing, rows: Mapping[str, Mapping[str, Any]]) -> Change:
    """What changes in a file whose rows, by the key of their text, become `rows`."""
    both = before.rows.keys() & rows.keys()
    changed = sum(_bare(before.rows[key]) != _bare(rows[key]) for key in both)
    added, removed = len(rows) - len(both), len(before.rows) - len(both)
    return Change(name, added, removed, changed, before.unread, before.repeated)


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what its default says."""
    return {key: value for key, value in row.items() if (key, value) != ("split", "public")}


def moves(before: Mapping[str, Standing], after: Mapping[str, Sequence[Entry]]) -> Counter[tuple[str, str]]:
    """How many rows go from one file to another, by the two files."""
    was = {key: name for name, found in before.items() for key in found.rows}
    pairs = ((was.get(row.key), name) for name, rows in after.items() for row in rows)
    return Counter((old, new) for old, new in pairs if old is not None and old != new)


def text_of_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as JSON Lines."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def yaml_value(value: str | Sequence[str]) -> str:
    """A text, or a list of texts, on one line of YAML."""
    if not isinstance(value, str):
        return f"[{', '.join(map(yaml_value, value))}]"
    is_plain = PLAIN.fullmatch(value) and value.casefold() not in AMBIGUOUS
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def with_value(text: str, located: Located, path: Sequence[str], value: Sequence[str] | Mapping[str, Any]) -> str:
    """The YAML text with another list or mapping at `path`; comments and everything else stay as they are."""
    node = _node(located.node, path)
    if node is None:
        return text
    start, end = node.start_mark, _end(node)
    lines = text.split("\n")
    if isinstance(value, Mapping):
        said = [f"{yaml_value(key)}: {yaml_value(inner)}" for key, inner in value.items()]
        written = f"{{{', '.join(said)}}}" if node.flow_style else f"\n{' ' * start.column}".join(said)
    else:
        written = yaml_value(value)
    before, after = lines[start.line][: start.column], lines[end.line][end.column :]
    return "\n".join([*lines[: start.line], before + written + after, *lines[end.line + 1 :]])


def _node(node: yaml.Node, path: Sequence[str]) -> yaml.CollectionNode | None:
    for name in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        found = next((inner for key, inner in pairs if key.value == name), None)
        if found is None:
            return None
        node = found
    return node if isinstance(node, yaml.CollectionNode) else None


def _end(node: yaml.Node) -> Any:
    """Where a node's text ends; a block's own mark stands behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, yaml.MappingNode) else last)
    return node.end_mark
