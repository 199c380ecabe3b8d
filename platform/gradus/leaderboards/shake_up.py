"""How ranks moved from public to private scores once these are revealed, and how far chance alone would move them.

Only scores that are rounded down to their step are used, and the number of hidden rows as learners may know it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from statistics import fmean

from challenges.shown_score import floor_to_step
from gradus.accounts.models import User
from gradus.chance import rows_behind, shown_interval
from gradus.courses.models import Challenge
from gradus.leaderboards.ranking import both_scores, version_of

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

    moves: list[Move]
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


def of(challenge: Challenge, track: str) -> ShakeUp:
    """Returns the shake-up of a track of a leaderboard, whose private scores must be revealed."""
    version = version_of(challenge)
    scored = both_scores(challenge, track)
    found = [(user, public, final) for _pk, user, public, final, *_ in scored if final is not None]
    before, after = ranks([public for _, public, _ in found]), ranks([final for *_, final in found])
    moves = [
        Move(user, before[place], after[place], public, final) for place, (user, public, final) in enumerate(found)
    ]
    moves.sort(key=lambda move: (move.after, move.before))
    step = version.parsed.feedback.step
    rows = tuple(rows_behind(version.hidden_count, version.scored_count, private=private) for private in (False, True))
    has_chance = all(shown_interval(version.parsed.metric.name, 0.5, step, number) for number in rows)
    scores = tuple((move.public, move.private) for move in moves)
    return ShakeUp(
        moves=moves,
        mean=fmean(move.places for move in moves) if moves else 0.0,
        moved=sum(move.by != 0 for move in moves),
        correlation=spearman([move.public for move in moves], [move.private for move in moves]),
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


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Returns Spearman's rank correlation in [-1, 1] (Spearman 1904), in which equal scores have their mean rank."""
    first, second = _mean_ranks(one), _mean_ranks(other)
    if len(first) < 2 or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    middle = (len(first) + 1) / 2
    both = sum((x - middle) * (y - middle) for x, y in zip(first, second, strict=True))
    return both / math.sqrt(sum((x - middle) ** 2 for x in first) * sum((y - middle) ** 2 for y in second))


def _mean_ranks(scores: Sequence[float]) -> list[float]:
    best, worst = ranks(scores), ranks([-score for score in scores])
    return [(rank + len(scores) + 1 - reverse) / 2 for rank, reverse in zip(best, worst, strict=True)]


@lru_cache(maxsize=64)
def expected(scores: tuple[tuple[float, float], ...], public: int, private: int, step: float) -> Expected:
    """Returns how far chance alone moves entries with these public and private scores.

    Each entry is given one ability, the mean of its scores weighted by the `public` and `private` numbers of rows. Both
    parts are drawn from it again and again, by the normal approximation of the binomial distribution.
    """
    every = max(1, math.ceil(len(scores) / SAMPLED))
    abilities = [(one * public + other * private) / (public + private) for one, other in scores[::every]]
    chance = Random(0)  # noqa: S311 - the page says the same each time
    means = []
    for _ in range(min(RESAMPLES_MAX, max(20, DRAWN // (2 * len(abilities))))):
        before = ranks([_drawn(one, public, step, chance) for one in abilities])
        after = ranks([_drawn(one, private, step, chance) for one in abilities])
        means.append(every * fmean(abs(x - y) for x, y in zip(before, after, strict=True)))
    means.sort()
    low, high = means[int(TAIL * len(means))], means[min(len(means) - 1, int((1 - TAIL) * len(means)))]
    return Expected(fmean(means), low, high)


def _drawn(ability: float, rows: int, step: float, chance: Random) -> float:
    drawn = chance.gauss(ability, math.sqrt(ability * (1 - ability) / rows))
    return floor_to_step(min(1.0, max(0.0, round(drawn * rows) / rows)), step)
