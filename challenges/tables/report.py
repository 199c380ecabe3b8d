"""What an import says: as data for programs, and as lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from challenges.distribution import install
from challenges.problems import Problem
from challenges.tables.entries import Entry, Reason
from challenges.tables.folder import HIDDEN, PUBLIC, TRAIN
from challenges.tables.imports import Imported
from challenges.tables.near import BY_CHARACTERS
from challenges.texts import several

SHOWN = 10
QUANTILES = {"least": 0.0, "10 %": 0.1, "median": 0.5, "90 %": 0.9, "most": 1.0}
TITLES = {
    Reason.CONTRADICTION: "contradicting answers for one text",
    Reason.EMPTY: "something is empty",
    Reason.CHARACTER: "characters that no row may hold",
    Reason.TOO_LONG: "too long",
    Reason.DUPLICATE: "duplicates",
    Reason.NEAR_DUPLICATE: "near-duplicates",
    Reason.RARE_LABEL: "the label is too rare to be in every part",
    Reason.SURPLUS: "more than twice as many rows as the rarest label has",
    Reason.NO_ROOM: "more rows than are taken",
}
# Nothing is wrong with these rows, so that a few of them are enough for people.
LEFT_OUT = (Reason.SURPLUS, Reason.NO_ROOM)


def finds_fewer() -> str:
    """Says that near-duplicates were looked for without the worker extra, and how this copy gets it."""
    return (
        "near-duplicates were looked for by their characters, which finds fewer than lint does with sentence "
        f"embeddings: {install('worker')}"
    )


def quantiles(lengths: Sequence[int]) -> dict[str, int]:
    """Some quantiles of lengths, by the nearest rank."""
    ordered = sorted(lengths)
    return {name: ordered[round(share * (len(ordered) - 1))] for name, share in QUANTILES.items()}


def labels(rows: Sequence[Entry]) -> dict[str, int]:
    """How many rows each label has, or each combination of listed values, from the most frequent on."""
    counts = Counter(row.stratum for row in rows if row.stratum)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def as_dict(found: Imported, needs: Sequence[Problem], *, written: bool) -> dict[str, Any]:
    """The report as JSON values. `needs` says what the challenge lacks now."""
    return {
        "file": found.file,
        "written": written,
        "seed": found.seed,
        "near_duplicates_by": found.compared_by,
        "parts": {
            name: {"rows": len(rows), "labels": labels(rows), "words": quantiles([row.words for row in rows])}
            for name, rows in found.parts.items()
        },
        "private": len(found.private),
        "stayed": found.stayed,
        "dropped": [
            {"line": one.line, "reason": one.reason, "what": one.what, "fix": one.fix}
            | {key: value for key in ("of", "similarity") if (value := getattr(one, key)) is not None}
            for one in found.dropped
        ],
        "notes": [problem_as_dict(one) for one in found.notes],
        "needs": [problem_as_dict(one) for one in needs],
        "changes": [
            {"file": one.file, "added": one.added, "removed": one.removed, "changed": one.changed}
            | {"unread": one.unread, "repeated": one.repeated}
            for one in found.changes
        ],
        "moved": [{"from": old, "to": new, "rows": count} for (old, new), count in found.moves.items()],
        "challenge_yaml_changes": found.spec is not None,
    }


def problem_as_dict(problem: Problem) -> dict[str, Any]:
    return {"file": problem.file, "line": problem.line, "what": problem.what, "fix": problem.fix}


def part_rows(found: Imported) -> Iterator[tuple[str, ...]]:
    """A line of a table for each part: its file, its rows, and the quantiles of their words on one line."""
    for name, rows in found.parts.items():
        private = f" ({len(found.private)} private)" if name == HIDDEN and found.private else ""
        words = quantiles([row.words for row in rows])
        yield name, f"{len(rows):,}{private}", " / ".join(str(words[key]) for key in QUANTILES)


def label_rows(found: Imported) -> Iterator[tuple[str, ...]]:
    """A line of a table for each label: its rows in each part."""
    counts = {name: labels(rows) for name, rows in found.parts.items()}
    for label in dict.fromkeys(label for listed in counts.values() for label in listed):
        yield label, *(str(listed.get(label, 0)) for listed in counts.values())


def lines(found: Imported) -> Iterator[str]:
    """How the rows were drawn, what was dropped and read otherwise, and what changes."""
    yield f"rows were taken, and put in an order of their own, by the seed {found.seed}; another --seed draws others"
    if found.compared_by == BY_CHARACTERS:
        yield finds_fewer()
    yield from (f"note: {one}" for one in found.notes)
    for reason, group in groupby(found.dropped, key=lambda one: one.reason):
        dropped = list(group)
        yield f"left out, {TITLES[reason]}: {several(len(dropped), 'row')}"
        shown = 2 if reason in LEFT_OUT else SHOWN
        yield from (f"  {one.problem(found.file)}" for one in dropped[:shown])
        if len(dropped) > shown:
            yield f"  ... and {len(dropped) - shown:,} more, which --json lists"
    yield from _large_surplus(found)
    if found.stayed:
        yield f"{several(found.stayed, 'row')} stayed in the part where they were; --afresh draws all parts anew"
    yield from map(str, found.changes)
    for (old, new), count in sorted(found.moves.items()):
        shown_now = ", where learners see what was hidden" if old == HIDDEN and new in (PUBLIC, TRAIN) else ""
        yield f"{several(count, 'row')} of {old} now {'stand' if count > 1 else 'stands'} in {new}{shown_now}"


def _large_surplus(found: Imported) -> Iterator[str]:
    surplus = sum(one.reason == Reason.SURPLUS for one in found.dropped)
    used = {label: sum(counts) for label, counts in _label_counts(found).items()}
    if not used or surplus < sum(used.values()):
        return
    rarest = min(used, key=lambda label: used[label])
    instead = f"--rare {used[rarest] + 1} leaves that label out instead"
    yield f"advice: `{rarest}` is so rare that {surplus:,} rows of other labels are left out; {instead}"


def _label_counts(found: Imported) -> dict[str, list[int]]:
    return {label: [int(count) for count in counts] for label, *counts in label_rows(found)}
