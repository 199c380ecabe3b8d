"""The approaches of a track, and the best entry of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from challenges.kinds import registry as kinds
from challenges.spec import Challenge
from challenges.translation import translated
from gradus.leaderboards.fairness import Chance, Interval
from gradus.leaderboards.ranking import Ranking
from gradus.submissions.models import Standing


def approaches(spec: Challenge, track: str) -> dict[str, str]:
    """Returns the titles of the approaches of a track: of training methods, those that the challenge allows."""
    kind = kinds.find(track)
    allowed = [title for title in kind.allowed(spec) if title in kind.approaches.values()]
    return {name: translated(title) for name, title in kind.approaches.items() if not allowed or title in allowed}


@dataclass(frozen=True)
class Best:
    """The best score of an approach, which was reached first, and what its requests cost."""

    approach: str
    score: float
    pseudonym: str
    interval: Interval | None
    cost: dict[str, Any]

    @property
    def approach_title(self) -> str:
        return kinds.approach_titles().get(self.approach, self.approach)


def best_of_each(ranked: Ranking, chance: Chance) -> tuple[Best, ...]:
    """Returns the best entry of each approach of a track, the best approach first."""
    found = ranked.best_of_each(approaches(ranked.version.parsed, ranked.track))
    made = [
        Best(one.approach, score, one.user.name_on_boards, chance.interval(score), costs_of(one))
        for score, one in found
    ]
    return tuple(sorted(made, key=lambda best: -best.score))


def costs_of(standing: Standing) -> dict[str, Any]:
    """Returns what a request costs, as everybody sees it."""
    return {name: standing.cost[name] for name in ("prompt_tokens", "ms") if name in standing.cost}
