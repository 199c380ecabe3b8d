"""Splits rows into parts that have labels and lengths alike, in an order that a growing table changes little.

Within each stratum (a label, or what stands for it), rows are sorted by length and cut into bins. Each bin gives every
part its share (stratified randomisation in blocks). Which rows of a bin a part gets is decided by a digest of the seed
and the text, and rows that already are in a part stay there. The order of a part is drawn apart from that.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

from challenges.files.jsonl import RowLimits
from challenges.lint.rows import BALANCE_MAX, LENGTH_SHARE, ninetieth
from challenges.tables.entries import Dropped, Entry, Reason
from challenges.texts import several

BIN = 10
LIMITS = RowLimits()
# What a file may hold is used up to this share, because rows differ in length.
FILLED = 0.95
OTHERS = "others"
DRAWS = 50
# What lengths may differ by, with something to spare: characters stand for tokens where the tokenizer is missing.
GAP_MAX = LENGTH_SHARE - 0.05
STATISTICS = (fmean, ninetieth)

Pinned = Mapping[str, str]
"""The part in which a text stands already, by the text's key."""


@dataclass(frozen=True)
class Plan:
    """How rows are split. `shares` of the parts add up to 1. `are_labels`: lint asks that strata differ little in size.

    A label with fewer than `rare` rows is left out; so is one that has too few to be in every part. `most` bounds the
    rows of all parts together, beside what the files can hold.
    """

    shares: Mapping[str, float]
    seed: int = 0
    are_labels: bool = False
    rare: int = 0
    most: int = 0
    draw: int = 0

    @property
    def fewest(self) -> int:
        """The fewest rows of a label with which it is in every part."""
        return max(self.rare, math.ceil(1 / min(self.shares.values()) - 1e-9))

    def lot(self, row: Entry) -> str:
        """The lot by which rows are taken: it looks random, and depends on the seed, the draw and the text alone."""
        return _lot(f"{self.seed} {self.draw}" if self.draw else str(self.seed), row)

    def place(self, row: Entry) -> str:
        """What the rows of a file are sorted by: a lot that says nothing of whether the row was taken.

        Rows of a label with a surplus all have low lots. Sorted by these, they would stand before all others.
        """
        return _lot(f"place {self.seed}", row)


def _lot(drawing: str, row: Entry) -> str:
    return hashlib.sha256(f"{drawing}\n{row.key}".encode(errors="replace")).hexdigest()


def without_rare(rows: Sequence[Entry], plan: Plan) -> tuple[list[Entry], list[Dropped]]:
    """The rows of labels that can be in every part; strata that are no labels and have too few rows become one."""
    counts = Counter(row.stratum for row in rows)
    rare = {stratum for stratum, count in counts.items() if count < plan.fewest}
    if not plan.are_labels:
        return [replace(row, stratum=OTHERS) if row.stratum in rare else row for row in rows], []
    dropped = [
        Dropped(
            row.line,
            Reason.RARE_LABEL,
            f"the label `{row.stratum}` has {several(counts[row.stratum], 'row')} that can be used",
            f"add rows until it has {plan.fewest}, or give them another label",
        )
        for row in rows
        if row.stratum in rare
    ]
    return [row for row in rows if row.stratum not in rare], dropped


def fitting(rows: Sequence[Entry], plan: Plan, pinned: Pinned, slack: float = 1.0) -> tuple[list[Entry], list[Dropped]]:
    """The rows for which the parts' files have room, in the order of the table; labels are within lint's factor.

    With `slack` above 1 so many times more rows are taken.
    """
    enough = _room(rows, plan, pinned)
    room = int(enough * slack)
    by_label = _first(rows, plan, pinned) if plan.are_labels else {"": _sorted(rows, plan, pinned)}
    counts = {label: len(found) for label, found in by_label.items()}
    balanced = int(BALANCE_MAX * slack * min(counts.values())) if plan.are_labels and counts else room
    most = min(balanced, _level(sorted(counts.values()), room))
    taken = {row.key for found in by_label.values() for row in found[:most]}
    rarest = min(counts, key=lambda label: counts[label], default="")
    dropped = [
        _surplus(row, rarest, counts) if plan.are_labels and most == balanced else _no_room(row, enough)
        for row in rows
        if row.key not in taken
    ]
    return [row for row in rows if row.key in taken], dropped


def _room(rows: Sequence[Entry], plan: Plan, pinned: Pinned) -> int:
    """How many rows all parts together take. Rows that are in a part already are not left out for the plan's `most`."""
    some = rows[:: 1 + len(rows) // 1000]
    mean = sum(row.bytes() for row in some) / max(1, len(some)) + 1
    one = min(LIMITS.rows_max, FILLED * LIMITS.bytes_max / mean)
    room = int(one / max(plan.shares.values()))
    return min(room, max(plan.most, sum(row.key in pinned for row in rows))) if plan.most else room


def _level(counts: Sequence[int], room: int) -> int:
    """The most rows of each label, so that the labels together have at most `room`; `counts` are sorted."""
    for index, count in enumerate(counts):
        left = len(counts) - index
        if count * left > room:
            return max(1, room // left)
        room -= count
    return max(counts, default=0)


def _surplus(row: Entry, rarest: str, counts: Mapping[str, int]) -> Dropped:
    what = f"`{row.stratum}` has {counts[row.stratum]} rows, more than twice as many as `{rarest}` ({counts[rarest]})"
    return Dropped(row.line, Reason.SURPLUS, what, f"add rows of `{rarest}`")


def _no_room(row: Entry, room: int) -> Dropped:
    what = f"{room:,} rows are taken for all files together"
    return Dropped(row.line, Reason.NO_ROOM, what, "leave it, or take more rows with --most")


def _first(rows: Sequence[Entry], plan: Plan, pinned: Pinned) -> dict[str, list[Entry]]:
    by_label = defaultdict[str, list[Entry]](list)
    for row in _sorted(rows, plan, pinned):
        by_label[row.stratum].append(row)
    return by_label


def _sorted(rows: Sequence[Entry], plan: Plan, pinned: Pinned) -> list[Entry]:
    return sorted(rows, key=lambda row: (row.key not in pinned, plan.lot(row)))


def assign(
    rows: Sequence[Entry], plan: Plan, pinned: Pinned, length: Callable[[str], int] = len
) -> dict[str, list[Entry]]:
    """The rows of each part, in their random order. Rows that are pinned are in their part.

    Of a few draws the first is taken by which the inputs of the first two parts are as alike in `length` as lint asks,
    with something to spare; or the one that comes nearest. Where there are few rows or a few very long ones, one draw
    is not enough.
    """
    lengths = {row.key: length(row.input) for row in rows}
    best, smallest = dict[str, list[Entry]](), math.inf
    for draw in range(DRAWS):
        parts = _drawn(rows, replace(plan, draw=draw), pinned, lengths)
        gap = _gap(list(parts.values())[:2], lengths)
        if gap < smallest:
            best, smallest = parts, gap
        if gap <= GAP_MAX:
            break
    return {name: sorted(found, key=plan.place) for name, found in best.items()}


def _gap(parts: Sequence[Sequence[Entry]], lengths: Mapping[str, int]) -> float:
    """By how much the second part's lengths differ from those of the first, as a share, as lint compares them."""
    ordered = [sorted(lengths[row.key] for row in part) for part in parts]
    if len(ordered) < 2 or not all(ordered):
        return 0.0
    first, second = ([statistic(part) for statistic in STATISTICS] for part in ordered)
    return max(abs(actual - wanted) / max(1, wanted) for wanted, actual in zip(first, second, strict=True))


def _drawn(rows: Sequence[Entry], plan: Plan, pinned: Pinned, lengths: Mapping[str, int]) -> dict[str, list[Entry]]:
    strata = defaultdict[str, list[Entry]](list)
    for row in rows:
        strata[row.stratum].append(row)
    parts: dict[str, list[Entry]] = {name: [] for name in plan.shares}
    totals = _totals({stratum: len(found) for stratum, found in strata.items()}, plan)
    for stratum, found in strata.items():
        for row, name in _assigned(found, totals[stratum], plan, pinned, lengths):
            parts[name].append(row)
    return parts


def _assigned(
    rows: Sequence[Entry], totals: Mapping[str, int], plan: Plan, pinned: Pinned, lengths: Mapping[str, int]
) -> list[tuple[Entry, str]]:
    rows = sorted(rows, key=lambda row: (lengths[row.key], plan.lot(row)))
    bins = max(1, round(len(rows) / BIN))
    edges = [round(len(rows) * n / bins) for n in range(bins + 1)]
    placed: Counter[str] = Counter()
    found: list[tuple[Entry, str]] = []
    for start, end in pairwise(edges):
        fixed = [(row, pinned[row.key]) for row in rows[start:end] if pinned.get(row.key) in totals]
        free = sorted((row for row in rows[start:end] if pinned.get(row.key) not in totals), key=plan.lot)
        placed.update(name for _, name in fixed)
        wanted = {name: total * end / len(rows) - placed[name] for name, total in totals.items()}
        seats: Counter[str] = Counter()
        for _ in free:
            name = max(totals, key=lambda one: wanted[one] - seats[one])
            seats[name] += 1
        placed.update(seats)
        names = [name for name in totals for _ in range(seats[name])]
        found += fixed + list(zip(free, names, strict=True))
    return found


def _totals(counts: Mapping[str, int], plan: Plan) -> dict[str, dict[str, int]]:
    """The rows of each stratum that each part gets: its share, rounded down or up.

    What is nearest to the next whole row is rounded up first, as long as the part as a whole stays within its share.
    """
    exact = {(one, part): share * count for one, count in counts.items() for part, share in plan.shares.items()}
    totals = {pair: int(value + 1e-9) for pair, value in exact.items()}
    by_part = {part: round(share * sum(counts.values())) for part, share in plan.shares.items()}
    by_part = {part: most - sum(totals[one, part] for one in counts) for part, most in by_part.items()}
    left = {one: count - sum(totals[one, part] for part in plan.shares) for one, count in counts.items()}
    nearest = sorted(exact, key=lambda pair: (round(totals[pair] - exact[pair], 6), pair))
    # In the second round the parts' own totals no longer count, since each stratum must be shared out.
    for is_strict in (True, False):
        for one, part in nearest:
            if left[one] and totals[one, part] <= exact[one, part] and (by_part[part] > 0 or not is_strict):
                totals[one, part] += 1
                by_part[part] -= 1
                left[one] -= 1
    return {one: {part: totals[one, part] for part in plan.shares} for one in counts}


def trimmed(
    parts: Mapping[str, Sequence[Entry]], plan: Plan, pinned: Pinned
) -> tuple[dict[str, list[Entry]], list[Dropped]]:
    """The parts without what a file cannot hold, and without the few rows by which rounding leaves lint's factor."""
    kept, dropped = {}, list[Dropped]()
    for name, rows in parts.items():
        counts = Counter(row.stratum for row in rows)
        rarest = min(counts, key=lambda one: counts[one], default="")
        most = int(BALANCE_MAX * counts[rarest]) if plan.are_labels and counts else len(rows)
        seen: Counter[str] = Counter()
        left, size = list[Entry](), 0
        for row in _sorted(rows, plan, pinned):
            bytes_after = size + row.bytes() + 64
            if len(left) == LIMITS.rows_max or bytes_after > LIMITS.bytes_max:
                dropped.append(Dropped(row.line, Reason.NO_ROOM, f"{name} is full", "leave it"))
            elif seen[row.stratum] == most:
                dropped.append(_surplus(row, rarest, counts))
            else:
                left.append(row)
                seen[row.stratum] += 1
                size = bytes_after
        kept[name] = sorted(left, key=plan.place)
    return kept, dropped
