"""Three approaches side by side: accuracy, tokens and latency of zero-shot, few-shot and LoRA on one hidden set.

Scores are the authors' baselines and the learner's own, all floored to the challenge's step; tokens and latency are
measured on public samples.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from statistics import fmean
from typing import Any

from django.utils.translation import gettext as _

from challenges import payloads
from challenges.kinds import registry as kinds
from challenges.kinds.prompt import FEW_SHOT
from challenges.shown_score import floor_to_step, written
from challenges.training_methods import METHODS
from gradus.accounts.models import User
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.learn.costs import controls
from gradus.submissions.models import Standing


def titles() -> dict[str, str]:
    """The title of each approach in the reader's language, in the order of the kinds, and that of the plain way."""
    return {**kinds.approach_titles(), controls.APPROACH: controls.title()}


@dataclass(frozen=True)
class Entry:
    """`tokens` and `ms` per request, as one run has found them."""

    name: str
    approach: str
    score: float
    tokens: float | None
    ms: float | None
    mine: bool

    @property
    def title(self) -> str:
        return titles()[self.approach]


@dataclass(frozen=True)
class Approaches:
    entries: tuple[Entry, ...]
    title: str

    @property
    def has_regression(self) -> bool:
        """Whether the plain way is among them, as a fourth approach."""
        return any(entry.approach == controls.APPROACH for entry in self.entries)

    @property
    def best(self) -> tuple[Entry, ...]:
        """The best entry of each approach, in the order of the approaches."""
        best_entries = (_best(list(self.entries), name) for name in titles())
        return tuple(entry for entry in best_entries if entry)

    @property
    def most_tokens(self) -> float:
        """Of the best entries: the scale of a chart."""
        return max((entry.tokens or 0 for entry in self.best), default=0)

    @property
    def chart(self) -> dict[str, Any]:
        """JSON of the `tradeoff` chart."""
        return {
            "points": [
                {
                    "name": entry.name,
                    "kind": entry.approach,
                    "title": entry.title,
                    "accuracy": entry.score,
                    "tokens": entry.tokens,
                    "latency_ms": entry.ms,
                    "own": entry.mine,
                }
                for entry in self.entries
                if entry.tokens is not None
            ]
        }


def approaches_of(challenge: Challenge, user: User | None) -> Approaches | None:
    """None for a challenge with one track only."""
    return next((shown for _challenge, shown in approaches_of_each([challenge], user)), None)


def approaches_of_each(challenges: Iterable[Challenge], user: User | None) -> list[tuple[Challenge, Approaches]]:
    """Of those challenges that have several tracks."""
    several = [challenge for challenge in challenges if len(challenge.spec.tracks) > 1]
    own = _standings(several, user)
    return [
        (one, _approaches(one, [standing for standing in own if standing.challenge_id == one.pk])) for one in several
    ]


def _approaches(challenge: Challenge, own: Iterable[Standing]) -> Approaches:
    assert challenge.version is not None
    step = challenge.spec.feedback.step
    entries = [_baseline(row, step) for row in challenge.version.results if row.get("score") is not None]
    entries += [_regression(one, step) for one in controls.regressions_of(challenge)]
    entries += [_own(standing) for standing in own]
    order = list(titles())
    entries.sort(key=lambda entry: (order.index(entry.approach), entry.mine, entry.score))
    return Approaches(tuple(entries), _finding(entries))


def best_baselines(version: ChallengeVersion) -> list[Entry]:
    """The author's best result of each approach, from the plainest approach on."""
    step = version.parsed.feedback.step
    scored = [row for row in version.results if row.get("score") is not None and row["approach"] in titles()]
    entries = [_baseline(row, step) for row in scored]
    best = [_best(entries, approach) for approach in titles()]
    return [entry for entry in best if entry is not None]


def _standings(challenges: list[Challenge], user: User | None) -> list[Standing]:
    """Final ones, each with its submission."""
    if user is None or not challenges:
        return []
    standings = (
        Standing.objects.of(user)
        .filter(version__in=[challenge.version_id for challenge in challenges], provisional=False)
        .select_related("submission")
    )
    return list(standings)


def _baseline(row: dict[str, Any], step: float) -> Entry:
    stem = PurePosixPath(row["file"]).stem
    approach = row["approach"]
    cost = row.get("cost") or {}
    return Entry(
        name=stem.replace("-", " ").replace("_", " "),
        approach=approach,
        score=floor_to_step(row["score"], step),
        tokens=cost.get("prompt_tokens"),
        ms=cost.get("ms"),
        mine=False,
    )


def _regression(found: controls.Regression, step: float) -> Entry:
    ms = fmean(found.ms) if found.ms else None
    return Entry(found.name, controls.APPROACH, floor_to_step(found.score, step), tokens=None, ms=ms, mine=False)


def _own(standing: Standing) -> Entry:
    approach = kinds.find(standing.track).approach(payloads.parse(standing.submission.payload))
    return Entry(
        name=_("your best (%(approach)s)") % {"approach": titles()[approach]},
        approach=approach,
        score=standing.shown,
        tokens=standing.cost.get("prompt_tokens"),
        ms=standing.cost.get("ms"),
        mine=True,
    )


def _best(entries: list[Entry], *approaches: str) -> Entry | None:
    return max((e for e in entries if e.approach in approaches), key=lambda e: e.score, default=None)


def _finding(entries: list[Entry]) -> str:
    """The chart's title."""
    top = max(entries, key=lambda entry: entry.score, default=None)
    if top is None:
        return _("Nothing has been measured here yet")
    prompt = _best(entries, FEW_SHOT)
    if top.approach in METHODS and prompt and prompt.tokens and top.tokens and prompt.tokens > top.tokens:
        figures = {"score": written(top.score), "times": f"{prompt.tokens / top.tokens:.1f}"}
        return _("The trained model scores highest, %(score)s, and reads %(times)s times fewer tokens") % figures
    return _("%(approach)s scores highest: %(score)s") % {"approach": top.title, "score": written(top.score)}
