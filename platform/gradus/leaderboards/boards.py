"""Reads standings into boards; writes nothing. Only floored scores rank, tie or show.

Before a course is frozen the public split ranks; from then on the private split does, floored to the same step. What
was submitted after the freeze has no part in that: else each later attempt would ask the private split a question.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.utils import timezone

from challenges.feedback import floor_to_step
from challenges.spec import Kind
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.leaderboards import tally
from gradus.leaderboards.tally import Band
from gradus.submissions.models import Score, Standing
from gradus.submissions.services.standings import standing_of

PAGE_ROWS = 50
BESIDE_ROWS = 5
TRACK_NAMES = {Kind.PROMPT: "Prompt", Kind.LORA: "LoRA", Kind.FREE_TEXT: "Free text"}


@dataclass(frozen=True)
class Row:
    """One learner's place. `rank` is None for an own row that does not rank (yet)."""

    rank: int | None
    pseudonym: str
    score: float
    tied: int
    passed: bool
    gold: bool
    provisional: bool
    mine: bool
    cost: dict[str, Any]
    reached_at: datetime


@dataclass(frozen=True)
class Board:
    """One page of one track."""

    challenge: Challenge
    track: str
    frozen: bool
    total: int
    page: int
    pages: int
    rows: list[Row] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    mine: Row | None = None

    @property
    def track_name(self) -> str:
        return TRACK_NAMES[Kind(self.track)]


@dataclass(frozen=True)
class Entry:
    """A board in the list of boards."""

    challenge: Challenge
    learners: int
    mine: Row | None


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


def places(challenge: Challenge, track: str) -> list[Place]:
    """All ranked standings, best first; equal scores share a rank and the next rank skips (1, 1, 3)."""
    if is_frozen(challenge):
        found = _final(challenge, track)
    else:
        ranked = Standing.objects.ranked().filter(challenge=challenge, track=track)
        found = list(ranked.values_list("pk", "user_id", "shown"))
    found.sort(key=lambda item: -item[2])
    equal = Counter(score for _, _, score in found)
    return list(_ranked(found, equal))


def _final(challenge: Challenge, track: str) -> list[tuple[int, int, float]]:
    """Score, learner and final value, earliest first: of each learner what was best, as shown, among what was in."""
    step, owner = challenge.spec.feedback.step, "evaluation__submission__"
    scores = Score.objects.current().on(challenge, track)
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


def board(challenge: Challenge, track: str, viewer: User | None, page: int = 1, rows: int = PAGE_ROWS) -> Board:
    """The page of the board that `viewer` sees; a page out of range is the nearest one."""
    found: Ranking = Final(challenge, track) if is_frozen(challenge) else Running(challenge, track)
    pages = max(1, math.ceil(found.total / rows))
    page = min(max(1, page), pages)
    shown = found.slice((page - 1) * rows, rows)
    bands = {place.rank: Band(place.rank, place.score, place.tied) for place, _ in shown if place.tied > 1}
    return Board(
        challenge=challenge,
        track=track,
        frozen=is_frozen(challenge),
        total=found.total,
        page=page,
        pages=pages,
        rows=[_row(standing, place, viewer) for place, standing in shown],
        bands=list(bands.values()),
        mine=_mine(challenge, track, viewer, found),
    )


class Ranking(Protocol):
    """Places with their standings, best first."""

    @property
    def total(self) -> int: ...
    def slice(self, start: int, rows: int) -> list[tuple[Place, Standing]]: ...
    def of(self, viewer: User) -> tuple[Place, Standing] | None: ...


class Final:
    """A frozen board: all places are computed, and rows are what they were at the freeze."""

    def __init__(self, challenge: Challenge, track: str) -> None:
        self.places = places(challenge, track)
        self.total = len(self.places)

    def slice(self, start: int, rows: int) -> list[tuple[Place, Standing]]:
        return self._loaded(self.places[start : start + rows])

    def of(self, viewer: User) -> tuple[Place, Standing] | None:
        return next(iter(self._loaded([place for place in self.places if place.user_id == viewer.pk])), None)

    def _loaded(self, shown: list[Place]) -> list[tuple[Place, Standing]]:
        scores = Score.objects.select_related("evaluation__submission__user").in_bulk([place.pk for place in shown])
        return [(place, standing_of(scores[place.pk])) for place in shown if place.pk in scores]


class Running:
    """A running board: scores are floored to few steps, so that counting them by score ranks everybody.

    Equal to `places`, which a test compares; only a page's own rows are read, from its band on along the index.
    """

    def __init__(self, challenge: Challenge, track: str) -> None:
        self.ranked = Standing.objects.ranked().filter(challenge=challenge, track=track)
        self.bands = tally.bands(challenge.pk, track)
        self.total = sum(band.learners for band in self.bands)
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

    def of(self, viewer: User) -> tuple[Place, Standing] | None:
        standing = self.ranked.filter(user=viewer).select_related("user").first()
        return (self._placed(standing), standing) if standing else None

    def _placed(self, standing: Standing) -> Place:
        """A score that is newer than the count stands alone, behind all that are better."""
        band = self._by_score.get(standing.shown)
        rank = band.rank if band else 1 + sum(b.learners for b in self.bands if b.score > standing.shown)
        return Place(standing.pk, standing.user_id, rank, standing.shown, band.learners if band else 1)


def beside(challenge: Challenge, track: str, viewer: User | None) -> list[Board]:
    """The tops of the challenge's other tracks, on the same hidden set."""
    others = [kind.value for kind in challenge.spec.tracks if kind.value != track]
    return [board(challenge, other, viewer, rows=BESIDE_ROWS) for other in others]


def track_of(challenge: Challenge, wanted: str | None) -> str | None:
    """The challenge's own track where none is asked for; None where it does not have the wanted one."""
    if not wanted:
        return challenge.spec.kind.value
    return wanted if wanted in {kind.value for kind in challenge.spec.tracks} else None


def entries(viewer: User | None) -> list[Entry]:
    """The challenges' own boards in the order of the courses."""
    shown = Challenge.objects.shown().order_by("lesson__course__title", "lesson__position", "position")
    shown = shown.defer("version__public", "version__train", "version__statement", "version__solution")
    found = [board(challenge, challenge.kind, viewer, rows=1) for challenge in shown]
    return [Entry(item.challenge, item.total, item.mine) for item in found]


def _mine(challenge: Challenge, track: str, viewer: User | None, found: Ranking) -> Row | None:
    if viewer is None:
        return None
    placed = found.of(viewer)
    if placed is not None:
        return _row(placed[1], placed[0], viewer)
    standing = Standing.objects.of(viewer).filter(challenge=challenge, track=track).select_related("user").first()
    return _row(standing, None, viewer) if standing else None


def _row(standing: Standing, place: Place | None, viewer: User | None) -> Row:
    return Row(
        rank=place.rank if place else None,
        pseudonym=standing.user.pseudonym,
        score=place.score if place else standing.shown,
        tied=place.tied if place else 1,
        passed=standing.passed,
        gold=standing.gold,
        provisional=standing.provisional,
        mine=viewer is not None and standing.user_id == viewer.pk,
        cost={name: standing.cost[name] for name in ("prompt_tokens", "ms") if name in standing.cost},
        reached_at=whole_second(standing.reached_at),
    )


def whole_second(moment: datetime) -> datetime:
    """Rounded up, so that a time tells nothing finer about what a hidden set took."""
    up = timedelta(seconds=1) if moment.microsecond else timedelta()
    return moment.replace(microsecond=0) + up
