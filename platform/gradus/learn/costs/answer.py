"""The answer with which the page about costs opens: which method is best for what, from the figures below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from gradus.learn.costs.comparison import BreakEven, Comparison, Line
from gradus.learn.costs.entries import Entry

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What can be said of at least one result. What nothing is known about is None.

    `rival` scores less than `best`, by another method, but their ranges overlap. `cheapest` has the cheapest requests
    of the methods that pass, and `quickest` the shortest time of all that were measured: both only where there are
    others to compare with. `training` says when the trained method with the highest score has paid for itself.
    """

    best: Entry
    has_others: bool
    rival: Entry | None
    passes: bool
    cheapest: Line | None
    quickest: Entry | None
    training: BreakEven | None


def answer(found: Comparison, pass_mark: float) -> Answer | None:
    """None where there is no result yet."""
    entries = [line.entry for line in found.lines]
    if not entries:
        return None
    best = max(entries, key=_score)
    passing = [line for line in found.lines if line.entry.score >= pass_mark]
    return Answer(
        best=best,
        has_others=len(entries) > 1,
        rival=max((one for one in entries if _may_be_as_good(one, best)), key=_score, default=None),
        passes=bool(passing),
        cheapest=_least(
            passing if all(line.plain for line in passing) else (),
            lambda line: line.plain.value if line.plain else 0,
        ),
        quickest=_least((one for one in entries if one.ms), lambda one: one.ms.value if one.ms else 0),
        training=max(found.break_evens, key=lambda even: _score(even.entry), default=None),
    )


def _score(entry: Entry) -> float:
    return entry.score


def _may_be_as_good(entry: Entry, best: Entry) -> bool:
    if entry.approach == best.approach or entry.interval is None or best.interval is None:
        return False
    return entry.interval[1] >= best.interval[0]


def _least(found: Iterable[T], size: Callable[[T], float]) -> T | None:
    """The least of at least two; of one alone, nothing is said."""
    listed = list(found)
    return min(listed, key=size) if len(listed) > 1 else None
