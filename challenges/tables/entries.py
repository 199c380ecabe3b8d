"""Makes rows of a challenge from the records of a table, and says which records cannot be rows."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from challenges.characters import unwanted
from challenges.files.jsonl import RowLimits
from challenges.problems import Problem
from challenges.tables.formats import Record, text_of
from challenges.texts import folded, normal, several

ROW_BYTES = RowLimits().row_bytes_max
LABELS_MAX = 50
# A column of a JSON answer with at most so many different values, each of them in several rows, is a list of values.
LISTED_MAX, ROWS_OF_A_VALUE = 20, 3


class Reason(StrEnum):
    """Why a row of the table is in no part."""

    CONTRADICTION = "contradiction"
    EMPTY = "empty"
    CHARACTER = "character"
    TOO_LONG = "too_long"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    RARE_LABEL = "rare_label"
    SURPLUS = "surplus"
    NO_ROOM = "no_room"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row of the table that is in no part. `of` is the line of the row that it repeats or contradicts."""

    line: int
    reason: Reason
    what: str
    fix: str
    of: int | None = None
    similarity: float | None = None

    def problem(self, file: str) -> Problem:
        return Problem(file, self.line, self.what, self.fix)


@dataclass(frozen=True)
class Columns:
    """The columns of a table that become keys of rows."""

    text: str
    labels: tuple[str, ...] = ()
    documents: str = ""
    chosen: str = ""
    rejected: str = ""
    id: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Each column once, in the order in which `cells` are read."""
        return tuple(dict.fromkeys(name for name in self._all if name))

    @property
    def _all(self) -> tuple[str, ...]:
        return (self.text, *self.labels, self.documents, self.chosen, self.rejected, self.id)


@dataclass(frozen=True)
class Form:
    """What the rows of a challenge look like.

    `answer` is the answer's type. `fields` are the fields of a JSON answer. `words_max` is set where a target says what
    an output must contain. `special` are the model's control tokens, which no row may hold.
    """

    answer: str
    fields: tuple[str, ...] = ()
    has_documents: bool = False
    is_required_content: bool = False
    words_max: int = 40
    special: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that can be in a part. `key` is equal for texts that count as equal; `stratum` is what parts have alike."""

    line: int
    input: str
    target: Any
    key: str
    stratum: str = ""
    id: str = ""
    documents: tuple[str, ...] = ()
    chosen: str = ""
    rejected: str = ""

    @property
    def words(self) -> int:
        return len(self.input.split())

    @property
    def output(self) -> str:
        """The target as its text, by which two rows with one input contradict each other."""
        return self.target if isinstance(self.target, str) else json.dumps(self.target, ensure_ascii=False)

    def sample(self) -> dict[str, Any]:
        """The row of public.jsonl or hidden.jsonl."""
        row = {"id": self.id, "input": self.input, "target": self.target}
        return row | ({"documents": list(self.documents)} if self.documents else {})

    def training_row(self) -> dict[str, Any]:
        """The row of train.jsonl."""
        if self.rejected:
            return {"prompt": self.input, "chosen": self.chosen, "rejected": self.rejected}
        first = self.target[0] if isinstance(self.target, list) else self.target
        return {"input": self.input, "output": first}

    def bytes(self) -> int:
        return max(
            len(json.dumps(r, ensure_ascii=False).encode(errors="replace"))
            for r in (self.sample(), self.training_row())
        )


@dataclass
class Entries:
    """What a table has for a challenge. `notes` say what was read in another way than it is written."""

    file: str
    rows: list[Entry]
    dropped: list[Dropped]
    notes: list[Problem]


def read_entries(file: str, records: Sequence[Record], columns: Columns, form: Form) -> Entries:
    """The records as rows of the challenge's form, without those that cannot be rows, and without equal texts."""
    found = Entries(file, [], [], [])
    for record in records:
        entry = _entry(record, columns, form)
        if isinstance(entry, Dropped):
            found.dropped.append(entry)
        else:
            found.rows.append(entry)
    if form.answer == "label":
        found.rows = _with_one_spelling(found)
    found.rows = without_equal(found)
    found.rows = _with_strata(found.rows, form)
    found.rows = [row if row.id else replace(row, id=content_id(row.key)) for row in found.rows]
    return found


def content_id(key: str) -> str:
    """An id that stays the same while the text does."""
    return f"r{hashlib.sha256(key.encode(errors='replace')).hexdigest()[:12]}"


def _entry(record: Record, columns: Columns, form: Form) -> Entry | Dropped:
    line, cells = record.line, dict(zip(columns.names, record.cells, strict=True))
    texts = {name: text_of(cell) for name, cell in cells.items()}
    needed = [columns.text, *columns.labels, *filter(None, (columns.chosen, columns.rejected, columns.id))]
    if empty := [name for name in needed if not texts[name]]:
        return Dropped(line, Reason.EMPTY, f"`{empty[0]}` is empty", "fill it in, or remove the row")
    chosen, rejected = (texts.get(name, "") for name in (columns.chosen, columns.rejected))
    if chosen and normal(chosen) == normal(rejected):
        what = f"`{columns.chosen}` and `{columns.rejected}` are equal"
        return Dropped(line, Reason.EMPTY, what, "remove the row, because it prefers neither")
    target = _target(cells, texts, columns, form)
    entry = Entry(line, texts[columns.text], target, normal(texts[columns.text]), "", texts.get(columns.id, ""))
    entry = replace(entry, documents=_ids(cells.get(columns.documents)), chosen=chosen, rejected=rejected)
    return _unfit(entry, form) or entry


def _target(cells: dict[str, Any], texts: dict[str, str], columns: Columns, form: Form) -> Any:
    if form.fields:
        return {field: texts[name] for field, name in zip(form.fields, columns.labels, strict=True)}
    if not columns.labels:
        return texts[columns.chosen]
    accepted = _accepted(cells[columns.labels[0]], texts[columns.labels[0]])
    if form.is_required_content:
        return {"must": accepted if isinstance(accepted, list) else [accepted], "words_max": form.words_max}
    return accepted if form.answer == "text" else texts[columns.labels[0]]


def _accepted(cell: Any, text: str) -> str | list[str]:
    """A text, or several that are accepted, which a cell holds as a list in JSON."""
    value = cell
    if text.startswith("[") and isinstance(cell, str):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
    if isinstance(value, list) and value and all(isinstance(one, str) and one.strip() for one in value):
        return value if len(value) > 1 else str(value[0])
    return text


def _ids(cell: Any) -> tuple[str, ...]:
    """The ids of documents in a cell: a list, or a text with commas, semicolons, bars or spaces between them."""
    text = text_of(cell)
    if text.startswith("["):
        try:
            cell = json.loads(text)
        except (ValueError, RecursionError):
            text = text.strip("[]")
    listed = cell if isinstance(cell, list) else text.replace(",", " ").replace(";", " ").replace("|", " ").split()
    return tuple(dict.fromkeys(one for one in map(text_of, listed) if one))


def _unfit(entry: Entry, form: Form) -> Dropped | None:
    size = entry.bytes()
    if size > ROW_BYTES:
        what = f"the row has {size:,} bytes; {ROW_BYTES:,} are allowed"
        return Dropped(entry.line, Reason.TOO_LONG, what, "shorten it")
    text = "\n".join((entry.input, entry.output, entry.chosen, entry.rejected, *entry.documents))
    if (character := unwanted(text, unseen=True)) is not None:
        return Dropped(entry.line, Reason.CHARACTER, f"holds the unseen character {character}", "remove it")
    if any(token in text for token in form.special):
        return Dropped(entry.line, Reason.CHARACTER, "holds a control token of the model", "remove it")
    if len(entry.id) > 64:
        return Dropped(entry.line, Reason.TOO_LONG, "the id has more than 64 characters", "shorten it")
    return None


def _with_one_spelling(found: Entries) -> list[Entry]:
    """The rows with the commonest spelling of each label. Labels that differ in case or white space are one label."""
    spellings = defaultdict[str, Counter[str]](Counter)
    first: dict[str, int] = {}
    for row in found.rows:
        spellings[folded(row.target)][row.target] += 1
        first.setdefault(row.target, row.line)
    right = {key: counts.most_common(1)[0][0] for key, counts in spellings.items()}
    for key, counts in spellings.items():
        for spelled in counts.keys() - {right[key]}:
            what = f"the label `{spelled}` ({several(counts[spelled], 'row')}) is written `{right[key]}` in most rows"
            found.notes.append(Problem(found.file, first[spelled], f"{what}, and was read so", "write both alike"))
    found.notes.sort(key=lambda note: note.line or 0)
    return [replace(row, target=right[folded(row.target)]) for row in found.rows]


def without_equal(found: Entries) -> list[Entry]:
    """One row for each text: the first. None where rows with one text have different targets."""
    groups = defaultdict[str, list[Entry]](list)
    for row in found.rows:
        groups[row.key].append(row)
    kept = []
    for rows in groups.values():
        if len({(row.output, row.rejected) for row in rows}) > 1:
            found.dropped += _contradictions(rows)
            continue
        kept.append(rows[0])
        what, fix = (
            f"a duplicate of line {rows[0].line}",
            "remove one of them (case, spaces and punctuation do not count)",
        )
        found.dropped += [Dropped(row.line, Reason.DUPLICATE, what, fix, rows[0].line, 1.0) for row in rows[1:]]
    return kept


def _contradictions(rows: Sequence[Entry]) -> Iterator[Dropped]:
    for row in rows:
        other = next(one for one in rows if (one.output, one.rejected) != (row.output, row.rejected))
        what = f"has the text of line {other.line} and another answer"
        yield Dropped(
            row.line, Reason.CONTRADICTION, what, "decide which is right, and remove the other", other.line, 1.0
        )


def _with_strata(rows: Sequence[Entry], form: Form) -> list[Entry]:
    if form.answer == "label":
        return [replace(row, stratum=row.target) for row in rows]
    if form.fields:
        listed = listed_values([row.target for row in rows], form.fields)
        names = [field for field, values in listed.items() if values]
        return [replace(row, stratum=" / ".join(row.target[name] for name in names)) for row in rows]
    if form.has_documents:
        return [replace(row, stratum="in the documents" if row.documents else "not in them") for row in rows]
    return list(rows)


def listed_values(targets: Sequence[dict[str, str]], fields: Iterable[str]) -> dict[str, list[str]]:
    """For each field of a JSON answer its sorted values; empty where they are too many, so that it is free text."""
    values = {field: sorted({target[field] for target in targets}) for field in fields}
    most = min(LISTED_MAX, len(targets) // ROWS_OF_A_VALUE)
    return {field: found if len(found) <= most else [] for field, found in values.items()}
