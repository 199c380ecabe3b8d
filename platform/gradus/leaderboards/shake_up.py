"""How ranks moved from public to private scores once these are revealed, and how far chance alone would move them.

Only scores that are rounded down to their step are used, and the number of hidden rows as learners may know it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from operator import itemgetter
from random import Random
from statistics import fmean
from typing import overload

from challenges.shown_score import floor_to_step
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.intervals import rows_behind, shown_interval
from gradus.leaderboards.ranking import revealed_scores, version_of

# A board with more entries is resampled by this many of them, evenly spread over the ranks.
SAMPLED = 1000
RESAMPLES_MAX = 400
# How many scores of entries are drawn at most, so that a page never waits long.
DRAWN = 100_000
TAIL = 0.025


@dataclass(frozen=True)
class Move:
    """An entry's ranks and rounded scores. `by` is positive for an entry that has risen."""

    user_id: int
    before: int
    after: int
    public: float
    private: float
    pseudonym: str = ""
    mine: bool = False

    @property
    def by(self) -> int:
        return self.before - self.after

    @property
    def places(self) -> int:
        return abs(self.by)


@dataclass(frozen=True)
class Expected:
    """By how many places entries would move on average by chance alone, and between which bounds in 95 % of cases."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class ShakeUp:
    """All entries by their final rank. `mean` is by how many places they moved on average.

    `correlation` is Spearman's, from -1 to 1, None where all scores are equal or there are fewer than two entries.
    `chance` is None where it cannot be computed: for few rows or entries, or a metric that is no mean of its rows.
    """

    moves: Sequence[Move]
    mean: float
    moved: int
    correlation: float | None
    chance: Expected | None

    @property
    def verdict(self) -> str:
        """Whether entries moved "less", "as" far, or "more" than chance alone would move them; "" where unknown."""
        if self.chance is None:
            return ""
        return "more" if self.mean > self.chance.high else "less" if self.mean < self.chance.low else "as"


class Moves(Sequence[Move]):
    """All entries by their final rank, of which only those that a page shows are made."""

    def __init__(self, found: list[tuple[int, float, float]]) -> None:
        """`found` has (id of the learner, public and private score) of each entry, in any order."""
        self.found = sorted(found, key=itemgetter(2, 1), reverse=True)
        self.pairs = Counter(map(itemgetter(1, 2), found))
        self.before, self.after = (_first_ranks(_counted(self.pairs, part)) for part in (0, 1))

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, place: int) -> Move: ...
    @overload
    def __getitem__(self, place: slice) -> list[Move]: ...
    def __getitem__(self, place: int | slice) -> Move | list[Move]:
        return (
            [self._move(*one) for one in self.found[place]]
            if isinstance(place, slice)
            else self._move(*self.found[place])
        )

    def _move(self, user: int, public: float, private: float) -> Move:
        return Move(user, self.before[public], self.after[private], public, private)

    def distances(self) -> Counter[int]:
        """How many entries have moved by so many places, up or down."""
        found: Counter[int] = Counter()
        for (public, private), entries in self.pairs.items():
            found[abs(self.before[public] - self.after[private])] += entries
        return found


def of(challenge: Challenge, track: str) -> ShakeUp:
    """Returns the shake-up of a track of a leaderboard, whose private scores must be revealed."""
    version = version_of(challenge)
    moves = Moves(revealed_scores(challenge, track))
    step, distances = version.parsed.feedback.step, moves.distances()
    rows = tuple(rows_behind(version.hidden_count, version.scored_count, private=private) for private in (False, True))
    has_chance = all(shown_interval(version.parsed.metric.name, 0.5, step, number) for number in rows)
    scores = [(public, private) for _user, public, private in moves.found]
    return ShakeUp(
        moves=moves,
        mean=sum(places * entries for places, entries in distances.items()) / len(moves) if moves else 0.0,
        moved=len(moves) - distances[0],
        correlation=spearman(moves.pairs),
        chance=expected(scores, rows[0], rows[1], step) if has_chance and len(moves) > 1 else None,
    )


def named(moves: Iterable[Move], viewer: User | None) -> list[Move]:
    """Returns the entries of a page with their names."""
    listed = list(moves)
    people = User.objects.in_bulk([move.user_id for move in listed])
    return [
        replace(
            move, pseudonym=people[move.user_id].name_on_boards, mine=viewer is not None and viewer.pk == move.user_id
        )
        for move in listed
        if move.user_id in people
    ]


def ranks(scores: Sequence[float]) -> list[int]:
    """Returns the rank of each score, as in 1, 1, 3 for the best two that are equal and the next one."""
    first: dict[float, int] = {}
    for number, score in enumerate(sorted(scores, reverse=True), 1):
        first.setdefault(score, number)
    return [first[score] for score in scores]


def _counted(pairs: Counter[tuple[float, float]], part: int) -> Counter[float]:
    """Returns how many entries have each public (`part` 0) or private score (1), best first."""
    found: Counter[float] = Counter()
    for pair in sorted(pairs, key=lambda one: -one[part]):
        found[pair[part]] += pairs[pair]
    return found


def _first_ranks(counted: Counter[float]) -> dict[float, int]:
    """Returns the rank of each score, as in 1, 1, 3."""
    ahead = accumulate(counted.values(), initial=1)
    return dict(zip(counted, ahead, strict=False))


def spearman(pairs: Counter[tuple[float, float]]) -> float | None:
    """Returns Spearman's rank correlation in [-1, 1] (Spearman 1904), in which equal scores have their mean rank.

    `pairs` has how many entries have each two scores, of which there are few even where there are many entries.
    """
    first, second = (_mean_ranks(_counted(pairs, part)) for part in (0, 1))
    if len(first) < 2 or len(second) < 2:
        return None
    middle = (pairs.total() + 1) / 2
    moments = [0.0, 0.0, 0.0]
    for (one, other), entries in pairs.items():
        x, y = first[one] - middle, second[other] - middle
        moments = [moments[0] + entries * x * y, moments[1] + entries * x * x, moments[2] + entries * y * y]
    return moments[0] / math.sqrt(moments[1] * moments[2])


def _mean_ranks(counted: Counter[float]) -> dict[float, float]:
    return {score: rank + (counted[score] - 1) / 2 for score, rank in _first_ranks(counted).items()}


def expected(scores: Sequence[tuple[float, float]], public: int, private: int, step: float) -> Expected:
    """Returns how far chance alone moves entries with these public and private scores, which are sorted by rank.

    Each entry is given one ability, the mean of its scores weighted by the `public` and `private` numbers of rows. Both
    parts are drawn from it again and again, by the normal approximation of the binomial distribution.
    """
    every = max(1, math.ceil(len(scores) / SAMPLED))
    return _resampled(tuple(scores[::every]), every, public, private, step)


@lru_cache(maxsize=64)
def _resampled(scores: tuple[tuple[float, float], ...], every: int, public: int, private: int, step: float) -> Expected:
    abilities = [(one * public + other * private) / (public + private) for one, other in scores]
    chance = Random(0)  # noqa: S311 - the page says the same each time
    parts = [_Part(abilities, rows, step) for rows in (public, private)]
    means = []
    for _ in range(min(RESAMPLES_MAX, max(20, DRAWN // (2 * len(abilities))))):
        before, after = (ranks(part.drawn(chance)) for part in parts)
        means.append(every * fmean(abs(x - y) for x, y in zip(before, after, strict=True)))
    means.sort()
    low, high = means[int(TAIL * len(means))], means[min(len(means) - 1, int((1 - TAIL) * len(means)))]
    return Expected(fmean(means), low, high)


class _Part:
    """Draws the scores of all entries on a part of so many hidden rows."""

    def __init__(self, abilities: list[float], rows: int, step: float) -> None:
        self.rows = rows
        self.curves = [(one, math.sqrt(one * (1 - one) / rows)) for one in abilities]
        # The score that is shown for each number of right rows.
        self.shown = [floor_to_step(right / rows, step) for right in range(rows + 1)]

    def drawn(self, chance: Random) -> list[float]:
        rows, shown = self.rows, self.shown
        return [shown[min(rows, max(0, round(chance.gauss(*curve) * rows)))] for curve in self.curves]
