"""Two attempts or runs of one challenge, and only what differs between them."""

import difflib
import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from challenges.kinds import registry as kinds
from challenges.translation import translated
from gradus.learn.kind_pages import page_of
from gradus.learn.result.rows import Flips, SampleRow, flips, sample_rows
from gradus.submissions.models import Run, Submission

Work = Submission | Run
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
class Comparison(Flips):
    before: Work
    after: Work
    changes: tuple[Change, ...]


def compare(before: Work, after: Work) -> Comparison:
    differing = flips(_rows(before), _rows(after))
    return Comparison(differing.flips, before, after, tuple(_changes(before.payload, after.payload)))


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
    parts: list[Piece] = []
    for kind, low, high, start, stop in difflib.SequenceMatcher(None, a, b).get_opcodes():
        if kind == "equal":
            parts.append(Piece("same", "".join(a[low:high])))
            continue
        parts += [Piece("del", "".join(a[low:high]))] if high > low else []
        parts += [Piece("ins", "".join(b[start:stop]))] if stop > start else []
    return tuple(parts)
