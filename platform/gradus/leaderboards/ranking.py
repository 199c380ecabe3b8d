"""Places on a board, best first: by a count of scores while it runs, by the private split once it is frozen.

A board holds one version of its challenge, because scores on different rows cannot be compared.

Only floored scores rank and tie. Before a course is frozen the public split ranks; from then on the private split does,
floored to the same step. What was submitted after the freeze has no part in that: else each later attempt would ask the
private split a question.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils import timezone

from challenges.feedback import floor_to_step
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.leaderboards import tally
from gradus.submissions.models import Score, Standing
from gradus.submissions.services.standings import standing_of


@dataclass(frozen=True)
class Place:
    """A ranked standing, on a frozen board a final score, before its row is loaded."""

    pk: int
    user_id: int
    rank: int
    score: float
    tied: int


def is_frozen(challenge: Challenge) -> bool:
    frozen_at = challenge.lesson.course.frozen_at
    return frozen_at is not None and frozen_at <= timezone.now()


def version_of(challenge: Challenge) -> ChallengeVersion:
    """The one version that a board holds: what is live, on a frozen board what was live at the freeze."""
    assert challenge.version is not None
    if not is_frozen(challenge):
        return challenge.version
    frozen_at = challenge.lesson.course.frozen_at
    shown = challenge.versions.filter(published_at__lte=frozen_at).defer(*ChallengeVersion.CONTENT)
    return shown.order_by("published_at", "pk").last() or challenge.version


def places(challenge: Challenge, track: str) -> list[Place]:
    """All ranked standings, best first; equal scores share a rank and the next rank skips (1, 1, 3)."""
    if is_frozen(challenge):
        found = _final(challenge, track)
    else:
        ranked = Standing.objects.ranked().filter(version=version_of(challenge), track=track)
        found = list(ranked.values_list("pk", "user_id", "shown"))
    found.sort(key=lambda item: -item[2])
    equal = Counter(score for _, _, score in found)
    return list(_ranked(found, equal))


def _final(challenge: Challenge, track: str) -> list[tuple[int, int, float]]:
    """Score, learner and final value, earliest first: of each learner what was best, as shown, among what was in."""
    step, owner = challenge.spec.feedback.step, "evaluation__submission__"
    scores = Score.objects.current().on(challenge, track).of_version(version_of(challenge))
    scores = scores.filter(**{f"{owner}created_at__lte": challenge.lesson.course.frozen_at})
    scores = scores.filter(**{f"{owner}user__is_guest": False, f"{owner}user__is_active": True}).best_first()
    best: dict[int, Any] = {}
    for row in scores.values_list("pk", f"{owner}user_id", "shown", "private_value", "provisional", "created_at"):
        best.setdefault(row[1], row)
    rows = sorted((row for row in best.values() if not row[4]), key=lambda row: (row[5], row[0]))
    return [
        (pk, user, shown if private is None else floor_to_step(private, step)) for pk, user, shown, private, *_ in rows
    ]


def _ranked(found: list[tuple[int, int, float]], equal: Counter[float]) -> Iterator[Place]:
    rank, last = 0, math.inf
    for number, (pk, user_id, score) in enumerate(found, 1):
        rank, last = (number, score) if score != last else (rank, last)
        yield Place(pk, user_id, rank, score, equal[score])


class Ranking(Protocol):
    """Places with their standings, best first. `until` is how long they may be kept, None where they may not."""

    challenge: Challenge
    version: ChallengeVersion
    track: str
    until: float | None
    total: int

    def slice(self, start: int, rows: int) -> list[tuple[Place, Standing]]: ...
    def of(self, standing: Standing) -> tuple[Place, Standing] | None: ...


class Final:
    """A frozen board: all places are computed, and rows are what they were at the freeze."""

    until: float | None = None

    def __init__(self, challenge: Challenge, track: str) -> None:
        self.challenge, self.version, self.track = challenge, version_of(challenge), track
        self.places = places(challenge, track)
        self.total = len(self.places)

    def slice(self, start: int, rows: int) -> list[tuple[Place, Standing]]:
        return self._loaded(self.places[start : start + rows])

    def of(self, standing: Standing) -> tuple[Place, Standing] | None:
        mine = [place for place in self.places if place.user_id == standing.user_id]
        return next(iter(self._loaded(mine)), None)

    def _loaded(self, shown: list[Place]) -> list[tuple[Place, Standing]]:
        scores = Score.objects.select_related("evaluation__submission__user").in_bulk([place.pk for place in shown])
        return [(place, standing_of(scores[place.pk])) for place in shown if place.pk in scores]


class Running:
    """A running board: scores are floored to few steps, so that counting them by score ranks everybody.

    Equal to `places`, which a test compares; only a page's own rows are read, from its band on along the index.
    """

    def __init__(self, challenge: Challenge, track: str) -> None:
        self.challenge, self.version, self.track = challenge, version_of(challenge), track
        self.ranked = Standing.objects.ranked().filter(version=self.version, track=track)
        counted = tally.tally(self.version.pk, track)
        self.bands, self.total, self.until = counted.bands, counted.total, counted.until
        self._by_score = {band.score: band for band in self.bands}

    def slice(self, start: int, rows: int) -> list[tuple[Place, Standing]]:
        first = next((band for band in self.bands if start < band.rank - 1 + band.learners), None)
        if first is None:
            return []
        skipped = start - (first.rank - 1)
        # The keys first: skipping rows along the index is cheap, skipping them joined with people is not.
        keys = self.ranked.filter(shown__lte=first.score).values_list("pk", flat=True)[skipped : skipped + rows]
        found = Standing.objects.ranked().filter(pk__in=list(keys)).select_related("user")
        return [(self._placed(standing), standing) for standing in found]

    def of(self, standing: Standing) -> tuple[Place, Standing] | None:
        return (self._placed(standing), standing) if standing.ranked else None

    def _placed(self, standing: Standing) -> Place:
        """A score that is newer than the count stands alone, behind all that are better."""
        band = self._by_score.get(standing.shown)
        rank = band.rank if band else 1 + sum(b.learners for b in self.bands if b.score > standing.shown)
        return Place(standing.pk, standing.user_id, rank, standing.shown, band.learners if band else 1)


def ranking(challenge: Challenge, track: str) -> Ranking:
    return Final(challenge, track) if is_frozen(challenge) else Running(challenge, track)
