"""Builds leaderboards from standings. They show and compare only scores that are rounded down to their step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count

from challenges.kinds import registry as kinds
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Course
from gradus.leaderboards.ranking import Band, Place, Ranking, is_frozen, ranking
from gradus.submissions.models import Standing

PAGE_ROWS = 50
BESIDE_ROWS = 5


# A learner's standings on the current versions, by the id of the challenge and the track.
Own = Mapping[tuple[int, str], Standing]


@dataclass(frozen=True)
class BoardRow:
    """A learner's row. `rank` is None for the viewer's own row if it has no rank.

    `no_rank` says why: "provisional", "guest", or "role" where the viewer may read the hidden rows.
    """

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
    no_rank: str = ""


@dataclass(frozen=True)
class Older:
    """How many learners have their best score on an older version. It is not shown until it is graded again."""

    version: str
    scores: int


@dataclass(frozen=True)
class Board:
    """One page of the leaderboard of a track."""

    challenge: Challenge
    track: str
    frozen: bool
    total: int
    page: int
    pages: int
    version: str = ""
    older: tuple[Older, ...] = ()
    rows: list[BoardRow] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    mine: BoardRow | None = None

    @property
    def track_name(self) -> str:
        return kinds.allowed(self.challenge.spec, self.track)


@dataclass(frozen=True)
class Entry:
    """A leaderboard in the list of all leaderboards. `best` is the score of rank 1."""

    challenge: Challenge
    learners: int
    best: float | None
    mine: BoardRow | None


def board(
    challenge: Challenge,
    track: str,
    viewer: User | None,
    page: int = 1,
    rows: int = PAGE_ROWS,
    own: Own | None = None,
    others: bool = True,
) -> Board:
    """Returns the page of a leaderboard that `viewer` sees. If `page` is out of range, it is the nearest page.

    `own` are the viewer's standings, if the caller has them already. Without `others`, scores of older versions are
    not counted.
    """
    ranked = ranking(challenge, track)
    pages = max(1, math.ceil(ranked.total / rows))
    page = min(max(1, page), pages)
    shown = [(place.user_id, row_of(standing, place)) for place, standing in ranked.slice((page - 1) * rows, rows)]
    bands = {row.rank: Band(row.rank, row.score, row.tied) for _, row in shown if row.rank and row.tied > 1}
    return Board(
        challenge=challenge,
        track=track,
        frozen=is_frozen(challenge),
        total=ranked.total,
        page=page,
        pages=pages,
        version=ranked.version.version,
        older=older(ranked) if others else (),
        rows=[replace(row, mine=True) if viewer and viewer.pk == user_id else row for user_id, row in shown],
        bands=list(bands.values()),
        mine=_mine(ranked, own_standings(viewer, challenge) if own is None else own),
    )


def own_standings(viewer: User | None, *challenges: Challenge) -> Own:
    """Returns the viewer's standings on the current versions of these challenges."""
    if viewer is None:
        return {}
    live = [challenge.version_id for challenge in challenges]
    own = {
        (one.challenge_id, one.track): one for one in Standing.objects.of(viewer).with_rank().filter(version__in=live)
    }
    for standing in own.values():
        standing.user = viewer
    return own


def older(board: Ranking) -> tuple[Older, ...]:
    """Returns older versions whose scores wait for a regrade, newest first. On a frozen leaderboard, none wait."""
    if is_frozen(board.challenge):
        return ()
    others = board.challenge.versions.exclude(pk=board.version.pk)
    waiting = Standing.objects.ranked(board.challenge.course_id).filter(version__in=others, track=board.track)
    counted = waiting.values_list("version__version").annotate(n=Count("pk"))
    return tuple(Older(*row) for row in counted.order_by("-version"))


def beside(challenge: Challenge, track: str, viewer: User | None, own: Own | None = None) -> list[Board]:
    """Returns the first rows of the challenge's other tracks, which are graded on the same hidden samples."""
    others = [kind for kind in challenge.spec.tracks if kind != track]
    return [board(challenge, other, viewer, rows=BESIDE_ROWS, own=own, others=False) for other in others]


def track_of(challenge: Challenge, wanted: str | None) -> str | None:
    """Returns the wanted track, or the challenge's main track if `wanted` is empty, or None for an unknown track."""
    if not wanted:
        return challenge.spec.kind
    return wanted if wanted in challenge.spec.tracks else None


def entries(viewer: User | None) -> list[Entry]:
    """Returns the leaderboards of all challenges' main tracks, in the order of the courses."""
    shown = [one for course in _by_title() for lesson in course.current_lessons for one in lesson.current_challenges]
    own = own_standings(viewer, *shown)
    rankings = [ranking(challenge, challenge.kind) for challenge in shown]
    return [Entry(one.challenge, one.total, one.best, _mine(one, own)) for one in rankings]


def _by_title() -> list[Course]:
    return sorted(catalogue.now().courses, key=lambda course: course.title)


def _mine(board: Ranking, own: Own) -> BoardRow | None:
    standing = own.get((board.challenge.pk, board.track))
    if standing is None:
        return None
    placed = board.of(standing)
    if placed is not None:
        return replace(row_of(placed[1], placed[0]), mine=True)
    return replace(row_of(standing, None), mine=True, no_rank=_why_none(standing))


def _why_none(standing: Standing) -> str:
    if standing.has_rank:
        # On a frozen board: what was submitted after the freeze does not count.
        return ""
    return "guest" if standing.user.is_guest else "provisional" if standing.provisional else "role"


def row_of(standing: Standing, place: Place | None) -> BoardRow:
    """Returns the row of a standing as everybody sees it."""
    return BoardRow(
        rank=place.rank if place else None,
        pseudonym=standing.user.pseudonym,
        score=place.score if place else standing.shown,
        tied=place.tied if place else 1,
        passed=standing.passed,
        gold=standing.gold,
        provisional=standing.provisional,
        mine=False,
        cost={name: standing.cost[name] for name in ("prompt_tokens", "ms") if name in standing.cost},
        reached_at=whole_second(standing.reached_at),
    )


def whole_second(moment: datetime) -> datetime:
    """Returns the time rounded up to a second. A finer time could reveal how long grading the hidden samples took."""
    up = timedelta(seconds=1) if moment.microsecond else timedelta()
    return moment.replace(microsecond=0) + up
