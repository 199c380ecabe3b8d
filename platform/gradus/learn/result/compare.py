"""Two attempts or runs of one challenge, and only what differs between them."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from challenges.kinds import registry as kinds
from challenges.row_marks import PARTLY
from challenges.translation import translated
from gradus.learn.kinds.registry import page_of
from gradus.learn.result.rows import SampleRow, sample_rows
from gradus.submissions.models import Run, Submission

Work = Submission | Run
BETTER, WORSE, OTHER = "better", "worse", "other"
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
    def after_marked(self) -> SampleRow:
        """The later row with its change, for the badge that says so."""
        return replace(self.after, change=self.change)

    @property
    def sides(self) -> tuple[tuple[str, SampleRow], ...]:
        return (_("Before"), self.before), (_("After"), self.after)

    @property
    def change(self) -> str:
        """`better`, `worse`, or `other` where another answer earns the same score."""
        if self.after.score == self.before.score:
            return OTHER
        return BETTER if self.after.score > self.before.score else WORSE


@dataclass(frozen=True)
class Flips:
    """The public samples that two attempts or runs answer differently."""

    flips: tuple[Flip, ...]

    @property
    def mended(self) -> int:
        """Rows of labels that became right, rows of fields that became better."""
        return sum(flip.change == BETTER for flip in self.flips)

    @property
    def broken(self) -> int:
        return sum(flip.change == WORSE for flip in self.flips)

    @property
    def other(self) -> int:
        return sum(flip.change == OTHER for flip in self.flips)

    @property
    def has_shares(self) -> bool:
        """Whether a row can be partly right, so that it becomes better or worse, and not only right or wrong."""
        return any(PARTLY in (flip.before.mark, flip.after.mark) for flip in self.flips)

    @property
    def said(self) -> list[str]:
        """How many samples changed in each way: a list within a sentence."""
        if self.has_shares:
            better = ngettext("%(n)s sample became better", "%(n)s samples became better", self.mended)
            worse = ngettext("%(n)s became worse", "%(n)s became worse", self.broken)
        else:
            better = ngettext("%(n)s sample became right", "%(n)s samples became right", self.mended)
            worse = ngettext("%(n)s became wrong", "%(n)s became wrong", self.broken)
        found = [better % {"n": self.mended}, worse % {"n": self.broken}]
        if self.other:
            found.append(_other_answers(self.other))
        return found


@dataclass(frozen=True)
class Comparison(Flips):
    before: Work
    after: Work
    changes: tuple[Change, ...]


def compare(before: Work, after: Work) -> Comparison:
    found = flips(_rows(before), _rows(after))
    return Comparison(found.flips, before, after, tuple(_changes(before.payload, after.payload)))


def flips(before: Sequence[SampleRow], after: Sequence[SampleRow]) -> Flips:
    """The samples that both have and that were answered differently, in the order of the public samples."""
    new = {row.id: row for row in after}
    shared = [(row, new[row.id]) for row in before if row.id in new]
    return Flips(tuple(Flip(a, b) for a, b in shared if a.correct != b.correct or a.got != b.got))


def _other_answers(count: int) -> str:
    text = ngettext(
        "%(n)s got another answer with the same score",
        "%(n)s got another answer with the same score",
        count,
    )
    return text % {"n": count}


def _rows(work: Work) -> list[SampleRow]:
    return sample_rows(work.current.version, work.current.result)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    old, new = texts(before), texts(after)
    names = list(dict.fromkeys([*old, *new]))
    return [
        Change(name, pieces(old.get(name, ""), new.get(name, ""))) for name in names if old.get(name) != new.get(name)
    ]


def texts(payload: dict[str, Any]) -> dict[str, str]:
    """A payload as named texts, in the order of its form."""
    return {
        _("Approach"): translated(kinds.find(payload["kind"]).title_of(payload)),
        **page_of(payload["kind"]).describe(payload),
    }


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
