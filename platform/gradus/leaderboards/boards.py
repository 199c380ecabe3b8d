"""Reads standings into boards; writes nothing. Only floored scores rank, tie or show.

Before a course is frozen the public split ranks; from then on the private split does, floored to the same step. What
was submitted after the freeze has no part in that: else each later attempt would ask the private split a question.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from challenges.feedback import floor_to_step
from challenges.spec import Kind
from gradus.accounts.models import User
from gradus.courses.models import Challenge
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
class Band:
    """Learners whose floored scores are equal: no order among them."""

    rank: int
    score: float
    learners: int


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


def _loaded(challenge: Challenge, shown: list[Place]) -> dict[int, Standing]:
    """Standings by the places' keys; on a frozen board what they were at the freeze."""
    keys = [place.pk for place in shown]
    if not is_frozen(challenge):
        return Standing.objects.select_related("user").in_bulk(keys)
    scores = Score.objects.select_related("evaluation__submission__user").in_bulk(keys)
    return {pk: standing_of(score) for pk, score in scores.items()}


def board(challenge: Challenge, track: str, viewer: User | None, page: int = 1, rows: int = PAGE_ROWS) -> Board:
    """The page of the board that `viewer` sees; a page out of range is the nearest one."""
    found = places(challenge, track)
    pages = max(1, math.ceil(len(found) / rows))
    page = min(max(1, page), pages)
    shown = found[(page - 1) * rows : page * rows]
    standings = _loaded(challenge, shown)
    bands = {place.rank: Band(place.rank, place.score, place.tied) for place in shown if place.tied > 1}
    return Board(
        challenge=challenge,
        track=track,
        frozen=is_frozen(challenge),
        total=len(found),
        page=page,
        pages=pages,
        rows=[_row(standings[place.pk], place, viewer) for place in shown if place.pk in standings],
        bands=list(bands.values()),
        mine=_mine(challenge, track, viewer, found),
    )


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
    found = [board(challenge, challenge.kind, viewer, rows=1) for challenge in shown]
    return [Entry(item.challenge, item.total, item.mine) for item in found]


def _mine(challenge: Challenge, track: str, viewer: User | None, found: list[Place]) -> Row | None:
    if viewer is None:
        return None
    place = next((place for place in found if place.user_id == viewer.pk), None)
    if place is not None:
        standing = _loaded(challenge, [place]).get(place.pk)
    else:
        standing = Standing.objects.of(viewer).filter(challenge=challenge, track=track).select_related("user").first()
    return _row(standing, place, viewer) if standing else None


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
