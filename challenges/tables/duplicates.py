"""Rows that repeat an earlier one, in a table or in a challenge's files of rows: `gradus challenge dedupe`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from challenges.problems import Problem
from challenges.tables.folder import FILES, HIDDEN, INPUT_KEYS, PUBLIC, TRAIN
from challenges.tables.formats import JSON_NAMES, PROBLEMS_MAX, TableErrors, read_objects, read_table, text_of
from challenges.tables.near import BY_CHARACTERS, BY_MEANING, Embed, near_repeats
from challenges.texts import folded, normal

# Where a row is in two files, the one of the later file repeats the other; lint blames it too.
ORDER = (PUBLIC, TRAIN, HIDDEN)
ANSWER_KEYS = ("target", "output", "completion", "chosen", "marks", "rejected", "documents")
# What says nothing of whether one row repeats another one.
OTHER_KEYS = ("id", "split")
# More texts are compared by their characters, and yet more only for being equal.
EMBEDDED_MAX, COMPARED_MAX = 10_000, 50_000


class Likeness(StrEnum):
    """How two rows are alike, from what is worst on."""

    CONTRADICTION = "contradiction"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"


@dataclass(frozen=True, slots=True)
class Item:
    """A row of a file: its line, its text, its answers as texts, and all else that may not get lost with it."""

    file: str
    line: int
    text: str
    answers: tuple[str, ...]
    others: str = ""

    @property
    def answer(self) -> str:
        """The answers as one text."""
        return " / ".join(filter(None, self.answers))

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
        """Whether `row` may go without a decision: only its text may differ a little from that of `of`."""
        answers, others = ([folded(one) for one in item.answers] for item in (self.row, self.of))
        return self.is_within and answers == others and self.row.others == self.of.others

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
        found = {str(path / name): _items(path / name, encoding) for name in ORDER if (path / name).exists()}
        if not found:
            fix = "name the folder of a challenge, or a file"
            raise TableErrors([Problem(str(path), None, f"there is none of {', '.join(FILES)} in it", fix)])
        return found
    if not text and path.suffix.lower() in JSON_NAMES and path.is_file():
        return {str(path): _items(path, encoding)}
    if not text:
        raise TableErrors([Problem(str(path), None, "no column holds the texts", "name it with --text COLUMN")])
    records = read_table(path, [text, *label], encoding)
    cells = ((record.line, [text_of(cell) for cell in record.cells]) for record in records)
    return {str(path): [Item(str(path), line, one, tuple(answers)) for line, (one, *answers) in cells if one]}


def _items(path: Path, encoding: str) -> list[Item]:
    """The rows of a file. An empty one has none."""
    if path.is_file() and not path.read_bytes().strip():
        return []
    items, problems = list[Item](), list[Problem]()
    for line, row in read_objects(path, encoding):
        text, rest = _text_and_rest(row)
        if text is None:
            what = f"has no text as {', '.join(f'`{key}`' for key in INPUT_KEYS)}, and no messages of a user"
            problems.append(Problem(str(path), line, what, "name this file, and with --text KEY the key of its texts"))
        elif text.strip():
            answers = tuple(_as_text(rest.pop(key)) for key in ANSWER_KEYS if key in rest)
            items.append(Item(str(path), line, text, answers, _as_text(rest) if rest else ""))
    if problems:
        raise TableErrors(problems[:PROBLEMS_MAX])
    return items


def _text_and_rest(row: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The text of a row, which is the last message of a user in a chat, and what else the row says."""
    rest = {key: value for key, value in row.items() if key not in OTHER_KEYS}
    for key in INPUT_KEYS:
        if isinstance(rest.get(key), str):
            return rest.pop(key), rest
    messages = rest.pop("messages", None)
    listed = [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    asked = [one for one in listed if one.get("role") == "user" and isinstance(one.get("content"), str)]
    if not asked or len(listed) != len(messages):
        return None, rest
    said = [one for one in listed if one is not asked[-1]]
    answer = said.pop().get("content") if said and said[-1].get("role") == "assistant" else None
    rest |= {"output": answer} if answer is not None else {}
    return asked[-1]["content"], rest | ({"messages": said} if said else {})


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict | list) else text_of(value)


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
    # Rows of two files may have other keys: a sample has ids of documents that a training row does not have.
    answers = zip(row.answers, of.answers, strict=False)
    if any(one and other and folded(one) != folded(other) for one, other in answers):
        likeness = Likeness.CONTRADICTION
    return Pair(likeness, row, of, similarity)


def removable(pairs: Sequence[Pair], *, hidden: bool) -> dict[str, list[int]]:
    """The lines of the rows that may be removed, by file; those of hidden.jsonl only with `hidden`."""
    lines = defaultdict[str, list[int]](list)
    for pair in pairs:
        if pair.can_be_removed and (hidden or Path(pair.row.file).name != HIDDEN):
            lines[pair.row.file].append(pair.row.line)
    return dict(lines)
