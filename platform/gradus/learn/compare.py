"""Two attempts at one challenge, and only what differs between them."""

import difflib
import re
from dataclasses import dataclass
from typing import Any

from challenges.row_marks import PARTLY
from gradus.learn.kinds import page_of
from gradus.learn.results import SampleRow, sample_rows
from gradus.submissions.models import Submission

WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Piece:
    """`kind` is `same`, `del` or `ins`."""

    kind: str
    text: str


@dataclass(frozen=True)
class Change:
    """A part of the payload that differs."""

    name: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Flip:
    """A public sample answered differently."""

    before: SampleRow
    after: SampleRow

    @property
    def mended(self) -> bool:
        """A row of labels became right; a row of fields became better."""
        return self.after.score > self.before.score

    @property
    def broken(self) -> bool:
        return self.after.score < self.before.score


@dataclass(frozen=True)
class Comparison:
    before: Submission
    after: Submission
    changes: tuple[Change, ...]
    flips: tuple[Flip, ...]

    @property
    def mended(self) -> int:
        return sum(flip.mended for flip in self.flips)

    @property
    def broken(self) -> int:
        return sum(flip.broken for flip in self.flips)

    @property
    def has_shares(self) -> bool:
        """Whether a row can be partly right, so that it becomes better or worse, and not only right or wrong."""
        return any(PARTLY in (flip.before.mark, flip.after.mark) for flip in self.flips)


def compare(before: Submission, after: Submission) -> Comparison:
    return Comparison(before, after, tuple(_changes(before.payload, after.payload)), tuple(_flips(before, after)))


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    old, new = texts(before), texts(after)
    names = list(dict.fromkeys([*old, *new]))
    return [
        Change(name, pieces(old.get(name, ""), new.get(name, ""))) for name in names if old.get(name) != new.get(name)
    ]


def texts(payload: dict[str, Any]) -> dict[str, str]:
    """A payload as named texts, in the order of its form."""
    return {"Kind": payload["kind"], **page_of(payload["kind"]).describe(payload)}


def pieces(old: str, new: str) -> tuple[Piece, ...]:
    """Words taken out and put in. Long texts differ by lines, which takes less time than words."""
    by_line = len(old) + len(new) > 8000
    a, b = (text.splitlines(keepends=True) if by_line else WORDS.findall(text) for text in (old, new))
    found: list[Piece] = []
    for kind, low, high, start, stop in difflib.SequenceMatcher(None, a, b).get_opcodes():
        if kind == "equal":
            found.append(Piece("same", "".join(a[low:high])))
            continue
        found += [Piece("del", "".join(a[low:high]))] if high > low else []
        found += [Piece("ins", "".join(b[start:stop]))] if stop > start else []
    return tuple(found)


def _flips(before: Submission, after: Submission) -> list[Flip]:
    old = {row.id: row for row in sample_rows(before.current.version, before.current.result)}
    new = {row.id: row for row in sample_rows(after.current.version, after.current.result)}
    shared = [(old[id], new[id]) for id in old if id in new]
    return [Flip(a, b) for a, b in shared if a.correct != b.correct or a.got != b.got]
