"""Computes what a class gives for a score: the share of a challenge's points, credit for the date, and totals.

A challenge is worth a number of points, ten unless the class says otherwise. An attempt earns a share of them by the
class's scheme, times the credit that the dates of the class give for the moment at which it was submitted. The score
that the site shows stays as it is.

Missing, zero and excused are three things. A total adds the points of the cells that have a grade, a zero included, and
compares them with what these cells are worth. An excused cell and a cell without a grade count on neither side; the
total says how many have no grade. A cell that is to count as zero is overridden with 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

WORTH = Decimal(10)
CENT = Decimal("0.01")
# The fourth decimal keeps a third of a point apart from 0.33, and the database stores no more.
SHARE_STEP = Decimal("0.0001")
ONE, ZERO = Decimal(1), Decimal(0)


class Kind(StrEnum):
    SHARE = "share"
    PASSED = "pass"
    STEPS = "steps"


@dataclass(frozen=True)
class Scheme:
    """How a score in [0, 1] becomes a share in [0, 1]: as it is, 1 for a pass, or by steps.

    `steps` are pairs of a score and the share that it earns from there on.
    """

    kind: Kind = Kind.SHARE
    steps: tuple[tuple[Decimal, Decimal], ...] = ()

    @classmethod
    def of(cls, kind: str, steps: Iterable[dict[str, Any]] = ()) -> Scheme:
        """Returns the scheme of a class, whose steps are stored as `{"from": score, "points": share}`."""
        pairs = ((exact(step["from"]), exact(step["points"])) for step in steps)
        return cls(Kind(kind), tuple(sorted(pairs)))

    def share(self, score: Decimal, *, passed: bool) -> Decimal:
        """Returns the share of a challenge's points that a score earns without a look at its date."""
        match self.kind:
            case Kind.PASSED:
                return ONE if passed else ZERO
            case Kind.STEPS:
                return max((share for start, share in self.steps if start <= score), default=ZERO)
            case _:
                return score


@dataclass(frozen=True)
class Attempt:
    """One attempt at a challenge with its current grade. `score` is None as long as there is no final one.

    It may stand for `count` attempts of which it is the best. The last of them was made at `last`, or else at `at`.
    """

    id: int
    at: datetime
    state: str
    score: Decimal | None = None
    passed: bool = False
    grader: str = ""
    version: int | None = None
    count: int = 1
    last: datetime | None = None


@dataclass(frozen=True)
class Best:
    """The attempt that counts. `share` includes the credit."""

    attempt: Attempt
    share: Decimal
    credit: Decimal


def best(attempts: Iterable[Attempt], scheme: Scheme, credit_at: Callable[[datetime], Decimal]) -> Best | None:
    """Returns the attempt that earns most; of equal ones the higher score, then the earlier. None without a grade."""
    found: Best | None = None
    for attempt in sorted(attempts, key=lambda one: (one.at, one.id)):
        if attempt.score is None:
            continue
        credit = credit_at(attempt.at)
        share = (scheme.share(attempt.score, passed=attempt.passed) * credit).quantize(SHARE_STEP, ROUND_HALF_UP)
        if found is None or (share, attempt.score) > (found.share, found.attempt.score or ZERO):
            found = Best(attempt, share, credit)
    return found


def points(share: Decimal, worth: Decimal) -> Decimal:
    """Returns the points of a challenge that is worth `worth`, rounded to two decimals, half of the last one up."""
    return (share * worth).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Counted:
    """What a total needs of a cell. `points` is None for a cell without a grade."""

    points: Decimal | None
    worth: Decimal
    excused: bool = False


@dataclass(frozen=True)
class Total:
    """`points` of `possible`, which is what the cells with a grade are worth. `missing` cells have no grade."""

    points: Decimal
    possible: Decimal
    missing: int
    excused: int

    @property
    def share(self) -> Decimal | None:
        """The points as a share of what is possible, or None where nothing with a grade is worth anything."""
        return (self.points / self.possible).quantize(SHARE_STEP, ROUND_HALF_UP) if self.possible else None

    @property
    def percent(self) -> Decimal | None:
        return None if self.share is None else self.share * 100


def total(cells: Sequence[Counted]) -> Total:
    """Adds up the cells of one learner."""
    counted = [(cell.points, cell.worth) for cell in cells if not cell.excused and cell.points is not None]
    return Total(
        points=sum((got for got, _worth in counted), ZERO),
        possible=sum((worth for _got, worth in counted), ZERO),
        missing=sum(not cell.excused and cell.points is None for cell in cells),
        excused=sum(cell.excused for cell in cells),
    )


def exact(number: Any) -> Decimal:
    """Returns a stored number as it is written: 0.1 becomes a tenth, not the binary number next to it."""
    return number if isinstance(number, Decimal) else Decimal(str(number))
