"""Rows that repeat an earlier one, in a table or in a challenge's files of rows: `gradus challenge dedupe`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from challenges.files.source import ROWS_MAX, Source
from challenges.problems import Problem
from challenges.tables.folder import FILES, HIDDEN, INPUT_KEYS, PUBLIC, TRAIN
from challenges.tables.formats import JSON_NAMES, TableErrors, read_table, text_of
from challenges.tables.near import BY_CHARACTERS, BY_MEANING, Embed, near_repeats
from challenges.texts import folded, normal

# Where a row is in two files, the one of the later file repeats the other; lint blames it too.
ORDER = (PUBLIC, TRAIN, HIDDEN)
ANSWER_KEYS = ("target", "output", "completion", "chosen", "marks")
# More texts are compared by their characters, and yet more only for being equal.
EMBEDDED_MAX, COMPARED_MAX = 10_000, 50_000


class Likeness(StrEnum):
    """How two rows are alike, from what is worst on."""

    CONTRADICTION = "contradiction"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"


@dataclass(frozen=True, slots=True)
class Item:
    """A row of a file: its line, its text and its answer as text."""

    file: str
    line: int
    text: str
    answer: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Pair:
    """`row` repeats `of`, which comes first. Equal texts have a similarity of 1."""

    likeness: Likeness
    row: Item
    of: Item
    similarity: float

    @property
    def is_within(self) -> bool:
        """Whether both rows are in one file."""
        return self.row.file == self.of.file

    @property
    def can_be_removed(self) -> bool:
        """Whether `row` may go without a decision: its file has the same text with the same answer."""
        return self.is_within and self.likeness is not Likeness.CONTRADICTION

    def as_dict(self) -> dict[str, Any]:
        return {
            "likeness": self.likeness,
            "file": self.row.file,
            "line": self.row.line,
            "of_file": self.of.file,
            "of_line": self.of.line,
            "similarity": self.similarity,
        }


@dataclass(frozen=True)
class Compared:
    """What was found among `rows` rows, and by what near-duplicates were looked for: empty if by nothing."""

    rows: int
    pairs: list[Pair]
    by: str


def read_items(path: Path, text: str, label: Sequence[str], encoding: str) -> dict[str, list[Item]]:
    """The rows of a table, of a file of rows, or of all files of a challenge's folder. Raises `TableErrors`."""
    if path.is_dir():
        found = {str(path / name): list(_file_items(path, name)) for name in ORDER if (path / name).exists()}
        if not found:
            fix = "name the folder of a challenge, or a file"
            raise TableErrors([Problem(str(path), None, f"there is none of {', '.join(FILES)} in it", fix)])
        return found
    if not text and path.suffix.lower() in JSON_NAMES and path.is_file():
        return {str(path): list(_file_items(path.parent, path.name))}
    if not text:
        raise TableErrors([Problem(str(path), None, "no column holds the texts", "name it with --text COLUMN")])
    records = read_table(path, [text, *label], encoding)
    cells = ((record.line, [text_of(cell) for cell in record.cells]) for record in records)
    return {str(path): [Item(str(path), line, one, " / ".join(answers)) for line, (one, *answers) in cells if one]}


def _file_items(folder: Path, name: str) -> Iterator[Item]:
    source = Source(folder)
    data = source.data(name, ROWS_MAX)
    if data is None:
        raise TableErrors([Problem(str(folder / one.file), one.line, one.what, one.fix) for one in source.problems])
    for line, raw in enumerate(data.split(b"\n"), 1):
        try:
            row = json.loads(raw) if raw.strip() else {}
        except (ValueError, RecursionError):
            continue
        row = row if isinstance(row, dict) else {}
        text = next((row[key] for key in INPUT_KEYS if isinstance(row.get(key), str)), "")
        if text.strip():
            yield Item(str(folder / name), line, text, text_of(next((row[k] for k in ANSWER_KEYS if k in row), "")))


def compare(files: Mapping[str, Sequence[Item]], embed: Embed | None) -> Compared:
    """The rows that repeat an earlier one of their file or of a file before it; contradictions come first.

    With `embed` near-duplicates have a cosine above 0.90; without it they share many characters.
    """
    count = sum(map(len, files.values()))
    embed = embed if count <= EMBEDDED_MAX else None
    alike = _alike(embed) if count <= COMPARED_MAX else None
    pairs, kept = list[Pair](), list[Item]()
    for items in files.values():
        kept += _repeats(items, alike, pairs)
    if len(files) > 1:
        _repeats(kept, alike, pairs)
    pairs.sort(key=lambda pair: (list(Likeness).index(pair.likeness), -pair.similarity))
    by = "" if alike is None else BY_MEANING if embed else BY_CHARACTERS
    return Compared(count, pairs, by)


Alike = Callable[[Sequence[Item]], dict[int, tuple[int, float]]]


def _alike(embed: Embed | None) -> Alike:
    """A comparison that computes the vector of each text once, although texts are compared in files and across."""
    known: dict[str, Any] = {}

    def once(texts: Sequence[str]) -> list[Any]:
        assert embed is not None
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(missing, embed(missing) if missing else (), strict=True))
        return [known[text] for text in texts]

    return lambda items: near_repeats([item.text for item in items], once if embed else None)


def _repeats(items: Sequence[Item], alike: Alike | None, pairs: list[Pair]) -> list[Item]:
    """Returns the rows that repeat no earlier one, and adds the others to `pairs`."""
    equal = defaultdict[str, list[Item]](list)
    for item in items:
        equal[normal(item.text)].append(item)
    pairs += [_pair(item, group[0], 1.0) for group in equal.values() for item in group[1:]]
    first = [group[0] for group in equal.values()]
    near = alike(first) if alike else {}
    pairs += [_pair(first[index], first[kept], similarity) for index, (kept, similarity) in near.items()]
    return [item for index, item in enumerate(first) if index not in near]


def _pair(row: Item, of: Item, similarity: float) -> Pair:
    likeness = Likeness.DUPLICATE if normal(row.text) == normal(of.text) else Likeness.NEAR_DUPLICATE
    if row.answer and of.answer and folded(row.answer) != folded(of.answer):
        likeness = Likeness.CONTRADICTION
    return Pair(likeness, row, of, similarity)


def removable(pairs: Sequence[Pair], *, hidden: bool) -> dict[str, list[int]]:
    """The lines of the rows that may be removed, by file; those of hidden.jsonl only with `hidden`."""
    lines = defaultdict[str, list[int]](list)
    for pair in pairs:
        if pair.can_be_removed and (hidden or Path(pair.row.file).name != HIDDEN):
            lines[pair.row.file].append(pair.row.line)
    return dict(lines)
