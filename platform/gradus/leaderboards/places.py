"""The places of a leaderboard, computed from the scores of all who have a rank."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import overload

# The id of the standing or score, that of the learner, the score, the id of the attempt, and when it was reached.
Scored = tuple[int, int, float, int, datetime]


@dataclass(frozen=True)
class Band:
    """Learners with equal scores. They share a rank."""

    rank: int
    score: float
    learners: int


@dataclass(frozen=True)
class Place:
    """The rank of a standing, whose row is not loaded yet. `pk` is its key, or that of a score behind it."""

    pk: int
    user_id: int
    rank: int
    score: float
    tied: int
    is_first: bool = False
    submission_id: int = 0
    reached_at: datetime | None = None


class Places(Sequence[Place]):
    """The places of all ranked standings, best first, of which only those that are asked for are made.

    Equal scores share a rank, as in 1, 1, 3.
    """

    def __init__(self, scores: list[Scored]) -> None:
        """`scores` come earliest first."""
        self.scores = sorted(scores, key=lambda item: -item[2])
        self.equal = Counter(item[2] for item in self.scores)
        self.ranks = dict(zip(self.equal, accumulate(self.equal.values(), initial=1), strict=False))

    def __len__(self) -> int:
        return len(self.scores)

    @overload
    def __getitem__(self, wanted: int) -> Place: ...
    @overload
    def __getitem__(self, wanted: slice) -> list[Place]: ...
    def __getitem__(self, wanted: int | slice) -> Place | list[Place]:
        numbers = range(len(self.scores))[wanted]
        return self._at(numbers) if isinstance(numbers, int) else [self._at(number) for number in numbers]

    def _at(self, number: int) -> Place:
        pk, user_id, score, submission, reached_at = self.scores[number]
        rank = self.ranks[score]
        return Place(pk, user_id, rank, score, self.equal[score], number + 1 == rank, submission, reached_at)

    def of_users(self, users: Collection[int]) -> list[Place]:
        return [self._at(number) for number, item in enumerate(self.scores) if item[1] in users]

    @property
    def bands(self) -> list[Band]:
        return [Band(rank, score, self.equal[score]) for score, rank in self.ranks.items()]
