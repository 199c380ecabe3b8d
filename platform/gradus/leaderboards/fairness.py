"""How far chance alone moves the scores of a leaderboard, and which of them it cannot tell apart.

All of it is computed from shown scores and from the number of hidden rows as learners may know it, which is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from challenges.kinds import registry as kinds
from gradus.courses.models import ChallengeVersion
from gradus.intervals import rows_behind, shown_interval
from gradus.leaderboards.places import Band
from gradus.leaderboards.ranking import Ranking

Interval = tuple[float, float]


@dataclass(frozen=True)
class Chance:
    """What chance alone does to the scores of one track.

    `rows` is about how many hidden rows a score is computed from, 0 for fewer than ten. `no_interval` says why there is
    no interval: "metric" for one that is not the mean of its rows, such as macro F1, whose width depends on the rows of
    each label; "other" where more than rows decides, such as marks of criteria; "rows" where there are too few; empty
    where scores have one.
    """

    metric: str
    step: float
    rows: int
    no_interval: str = ""

    def interval(self, score: float) -> Interval | None:
        """Returns where the score on all possible rows lies, in 95 % of cases; see `shown_interval`."""
        return None if self.no_interval else shown_interval(self.metric, score, self.step, self.rows)


def chance_of(version: ChallengeVersion, track: str, *, private: bool) -> Chance:
    """Returns what chance does to shown scores of a version; `private` for those of the private part of its rows."""
    spec = version.parsed
    chance = Chance(
        spec.metric.name,
        spec.feedback.step,
        rows_behind(version.hidden_count, version.scored_count, private=private),
    )
    if not kinds.find(track).is_scored_by_rows(spec):
        reason = "other"
    elif chance.rows == 0:
        reason = "rows"
    else:
        reason = "metric" if chance.interval(0.0) is None else ""
    return Chance(chance.metric, chance.step, chance.rows, reason)


@dataclass(frozen=True)
class Alike:
    """The scores whose intervals overlap with that of `score`, from `low` to `high`, and how many learners have one.

    It is no rank: two scores within it may each overlap with `score` and not with one another.
    """

    score: float
    low: float
    high: float
    learners: int

    def __contains__(self, score: object) -> bool:
        return isinstance(score, float | int) and self.low <= score <= self.high

    @property
    def is_alone(self) -> bool:
        return self.low == self.high


def alike(score: float, bands: Sequence[Band], chance: Chance) -> Alike | None:
    """Returns the scores of a leaderboard that cannot be told apart from `score`; None where there are no intervals."""
    own = chance.interval(score)
    if own is None:
        return None
    near = [band for band in bands if _overlap(own, chance.interval(band.score))]
    scores = [score, *(band.score for band in near)]
    return Alike(score, min(scores), max(scores), sum(band.learners for band in near))


def _overlap(one: Interval, other: Interval | None) -> bool:
    return other is not None and one[0] <= other[1] and other[0] <= one[1]


@dataclass(frozen=True)
class Compared:
    """What chance does to a leaderboard, with what cannot be told apart from its best score and the viewer's own."""

    chance: Chance
    leader: Alike | None
    own: Alike | None

    def of(self, score: float) -> dict[str, Any]:
        """Returns the fields of a row with this score."""
        return {
            "interval": self.chance.interval(score),
            "like_leader": self.leader is not None and score in self.leader,
            "like_mine": self.own is not None and score in self.own,
        }


def compare(ranked: Ranking, track: str, own: float | None, *, private: bool) -> Compared:
    """Compares the scores of a leaderboard with its best one and with `own`, the viewer's, if it has a rank."""
    chance = chance_of(ranked.version, track, private=private)
    leader, mine = (None if score is None else alike(score, ranked.bands, chance) for score in (ranked.best, own))
    return Compared(chance, leader, mine)
