"""Finds the differences between two contents of a challenge, for `gradus challenge diff` and for imports.

Rows are named by their id or their place in the file, never by their text, so that the lines may stand in a log.
Version numbers are compared as numbers and not as texts: 1.10.0 comes after 1.9.0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.rows import AnyRow, Attack, Benign, GoldAnswer, Sample
from challenges.spec import dump
from challenges.texts import several

NAMED = 8
# Keys of `challenge.yaml` whose values are documents.
DOCUMENTS = ("corpus", "updates")
# Files whose rows no learner sees. Even an id can tell the label, and "nearly the same as" a public row does.
HIDDEN = ("hidden.jsonl", "gold.jsonl", "attacks.jsonl", "benign.jsonl")


@dataclass(frozen=True)
class ComparedRow:
    """One row of a file: `key` matches it with its counterpart in the other version, and `name` is shown to people.

    `id` is empty where a row has none, so that its name is its place in the file.
    """

    key: str
    name: str
    input: str
    target: Any
    split: str = ""
    documents: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True)
class FileDifference:
    """The differing rows of one file, by name. A row that is in both versions may differ in several ways.

    `is_reordered` says whether the rows that are in both versions have another order.
    """

    file: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    inputs_changed: tuple[str, ...]
    targets_changed: tuple[str, ...]
    splits_changed: tuple[str, ...]
    documents_changed: tuple[str, ...]
    ids_changed: tuple[str, ...]
    is_reordered: bool

    @property
    def is_empty(self) -> bool:
        return not (self.is_reordered or any(names for _, _, names in self._changes()))

    @property
    def is_documents(self) -> bool:
        """True if the rows are documents. The text of a document is compared as an input, and its title as a target."""
        return self.file in DOCUMENTS

    def line(self) -> str:
        """The number of differing rows of each kind, with the first few names."""
        parts = [
            f"{several(len(names), noun) if noun else len(names)} {what} ({_few(names)})"
            for noun, what, names in self._changes()
            if names
        ]
        parts += ["rows in another order"] if self.is_reordered else []
        return f"{self.file}: {', '.join(parts)}"

    def _changes(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """For each kind of change what is counted, what happened to it, and the names of the rows."""
        return (
            ("", "added", self.added),
            ("", "removed", self.removed),
            ("text" if self.is_documents else "input", "changed", self.inputs_changed),
            ("title" if self.is_documents else "target", "changed", self.targets_changed),
            ("", "moved to the other split", self.splits_changed),
            ("list of expected documents", "changed", self.documents_changed),
            ("id", "changed", self.ids_changed),
        )


@dataclass(frozen=True)
class Difference:
    """The differences of an old and a new content. `keys` are the differing keys of `challenge.yaml`."""

    old: str
    new: str
    keys: tuple[str, ...]
    files: tuple[FileDifference, ...]
    baselines: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def is_graded(self) -> bool:
        """Returns whether a difference can change a grade. If it can, the new content needs a new version number."""
        return bool(self.keys or self.files or self.baselines)

    @property
    def is_empty(self) -> bool:
        return not (self.is_graded or self.texts)

    def lines(self) -> list[str]:
        """One line for each file that differs."""
        lines = [f"challenge.yaml: {', '.join(self.keys)} changed"] if self.keys else []
        lines += [file.line() for file in self.files]
        lines += [f"{name} changed, added or removed" for name in self.baselines]
        return lines + [f"{name} changed (no grade depends on it)" for name in self.texts]

    def as_dict(self) -> dict[str, Any]:
        """The differences as a JSON object."""
        return asdict(self)


def compare(old: ChallengeBundle, new: ChallengeBundle) -> Difference:
    """The differences between two contents; rows are matched by id, or else by their input."""
    files = (
        _rows("public.jsonl", _samples(old.public), _samples(new.public)),
        _rows("hidden.jsonl", _samples(old.hidden), _samples(new.hidden)),
        _rows("train.jsonl", _pairs(old.train), _pairs(new.train)),
        _rows("gold.jsonl", _answers(old.gold), _answers(new.gold)),
        _rows("attacks.jsonl", _answers(old.attacks), _answers(new.attacks)),
        _rows("benign.jsonl", _answers(old.benign), _answers(new.benign)),
        *(_documents(key, old, new) for key in DOCUMENTS),
    )
    return Difference(
        old=old.challenge.version,
        new=new.challenge.version,
        keys=tuple(key for key in _changed(_spec(old), _spec(new)) if key not in DOCUMENTS),
        files=tuple(file for file in files if not file.is_empty),
        baselines=tuple(_changed(_payloads(old), _payloads(new))),
        texts=tuple(_changed(_texts(old), _texts(new))),
    )


def _rows(file: str, old: Sequence[ComparedRow], new: Sequence[ComparedRow]) -> FileDifference:
    pairs = list(_paired(old, new))
    gone = {row.name for row in old} - {before.name for before, _ in pairs}
    come = {row.name for row in new} - {after.name for _, after in pairs}

    def changed(key: str) -> tuple[str, ...]:
        return tuple(after.name for before, after in pairs if getattr(before, key) != getattr(after, key))

    return FileDifference(
        file=file,
        added=tuple(row.name for row in new if row.name in come),
        removed=tuple(row.name for row in old if row.name in gone),
        inputs_changed=changed("input"),
        targets_changed=changed("target"),
        splits_changed=changed("split"),
        documents_changed=changed("documents"),
        ids_changed=changed("id"),
        is_reordered=_is_reordered(old, new, pairs),
    )


def _is_reordered(
    old: Sequence[ComparedRow], new: Sequence[ComparedRow], pairs: Sequence[tuple[ComparedRow, ComparedRow]]
) -> bool:
    counterparts = {before.name: after.name for before, after in pairs}
    before = [counterparts[row.name] for row in old if row.name in counterparts]
    kept = set(before)
    return before != [row.name for row in new if row.name in kept]


def _documents(key: str, old: ChallengeBundle, new: ChallengeBundle) -> FileDifference:
    """The documents of a corpus or of its updates. A text counts as the input, and a title as the target."""
    before, after = (_texts_of(_spec(bundle).get(key, ())) for bundle in (old, new))
    return _rows(key, before, after)


def _texts_of(documents: Sequence[Mapping[str, str]]) -> list[ComparedRow]:
    return [ComparedRow(one["id"], one["id"], one["text"], one.get("title", ""), id=one["id"]) for one in documents]


def _paired(old: Sequence[ComparedRow], new: Sequence[ComparedRow]) -> Iterator[tuple[ComparedRow, ComparedRow]]:
    """Yields pairs of rows with equal keys, and then pairs of the remaining rows with equal inputs."""
    for attribute in ("key", "input"):
        waiting = defaultdict[str, list[ComparedRow]](list)
        for row in reversed(new):
            waiting[getattr(row, attribute)].append(row)
        pairs = [(row, equal.pop()) for row in old if (equal := waiting[getattr(row, attribute)])]
        yield from pairs
        before, after = {row.name for row, _ in pairs}, {row.name for _, row in pairs}
        old, new = [row for row in old if row.name not in before], [row for row in new if row.name not in after]


def _samples(rows: Sequence[Sample]) -> list[ComparedRow]:
    return [ComparedRow(row.id, row.id, row.input, row.target, row.split, row.documents, row.id) for row in rows]


def _pairs(rows: Sequence[AnyRow]) -> list[ComparedRow]:
    return [ComparedRow(row.input, f"row {place}", row.input, dump(row)) for place, row in enumerate(rows, 1)]


def _answers(rows: Sequence[GoldAnswer | Attack | Benign]) -> list[ComparedRow]:
    """The rows of graded answers; everything except the answer counts as the target."""
    return [
        ComparedRow(row.answer, f"row {place}", row.answer, {k: v for k, v in dump(row).items() if k != "answer"})
        for place, row in enumerate(rows, 1)
    ]


def _spec(bundle: ChallengeBundle) -> dict[str, Any]:
    return {key: value for key, value in dump(bundle.challenge).items() if key != "version"}


def _payloads(bundle: ChallengeBundle) -> dict[str, Any]:
    return {one.ref.file: one.payload.model_dump(mode="json") for one in bundle.baselines}


def _texts(bundle: ChallengeBundle) -> dict[str, Any]:
    return {"statement.md": bundle.statement, "solution.md": bundle.solution}


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown}, and {len(names) - NAMED} more"


VersionNumber = tuple[int, int, int]


def version_number(version: str) -> VersionNumber:
    """`1.2.3`, or `1.2.3+4`, as three numbers. What stands after the plus sign does not count (semver.org, 10)."""
    major, minor, patch = version.partition("+")[0].split(".")
    return int(major), int(minor), int(patch)


def next_version(version: str) -> str:
    """The lowest version number above this one."""
    major, minor, patch = version_number(version)
    return f"{major}.{minor}.{patch + 1}"
