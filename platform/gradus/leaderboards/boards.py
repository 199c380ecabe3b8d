"""Builds leaderboards from standings. They show and compare only scores that are rounded down to their step."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count

from challenges import spec as specs
from challenges.kinds import registry as kinds
from gradus.accounts.models import User
from gradus.classes import access, membership
from gradus.classes.membership import Person
from gradus.classes.models import Class
from gradus.courses import catalogue
from gradus.courses.board_versions import is_frozen, is_revealed
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.leaderboards.approaches import Best, best_of_each, costs_of
from gradus.leaderboards.fairness import Alike, Chance, Interval, compare
from gradus.leaderboards.places import Band, Place
from gradus.leaderboards.ranking import ALL, ComputedRanking, Group, Only, Ranking, ranking, version_of
from gradus.submissions.models import Mark, Season, Standing

PAGE_ROWS = 50
BESIDE_ROWS = 5


# A learner's standings on the current versions, by the id of the challenge and the track.
Own = Mapping[tuple[int, str], Standing]


@dataclass(frozen=True)
class BoardRow:
    """A learner's row. `rank` is None for the viewer's own row if it has no rank.

    `no_rank` says why: "hidden", "provisional", "guest", or "role" where the viewer may read the hidden rows. Of equal
    scores, `first` is the one that was reached first. `like_leader` and `like_mine` say that chance alone cannot tell
    the score apart from the best one, and from the viewer's own.
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
    approach: str = ""
    first: bool = False
    interval: Interval | None = None
    like_leader: bool = False
    like_mine: bool = False

    @property
    def approach_title(self) -> str:
        return kinds.approach_titles().get(self.approach, "")


@dataclass(frozen=True)
class Older:
    """How many learners have their best score on an older version. It is not shown until it is graded again."""

    version: str
    scores: int


@dataclass(frozen=True)
class SeasonLine:
    """A season of a challenge's leaderboards. The first one is number 0; it has no title and no known beginning.

    `ended_at` is None for the season that runs.
    """

    number: int
    title: str
    began_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Board:
    """One page of the leaderboard of a track.

    A `frozen` one is closed: later attempts have no rank. A `revealed` one is closed and ranks by private scores.
    `total` counts everybody, `listed` those of the chosen entries. `leader` has the scores that cannot be told apart
    from the best one, and `own` those that cannot be told apart from the viewer's. `best` is that of each approach.
    """

    challenge: Challenge
    track: str
    frozen: bool
    total: int
    page: int
    pages: int
    spec: specs.Challenge
    chance: Chance
    listed: int = 0
    leader: Alike | None = None
    own: Alike | None = None
    best: tuple[Best, ...] = ()
    season: SeasonLine | None = None
    revealed: bool = False
    group: Group | None = None
    version: str = ""
    older: tuple[Older, ...] = ()
    rows: list[BoardRow] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    mine: BoardRow | None = None
    mine_on_live: BoardRow | None = None

    @property
    def track_name(self) -> str:
        return kinds.allowed(self.spec, self.track)

    @property
    def live_version(self) -> str:
        """The version that accepts submissions."""
        assert self.challenge.version is not None
        return self.challenge.version.version

    @property
    def begun_version(self) -> str:
        """The version whose leaderboard learners see by default."""
        return version_of(self.challenge).version

    @property
    def is_over(self) -> bool:
        """True for the leaderboard of a season that has ended."""
        return self.season is not None


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
    version: ChallengeVersion | None = None,
    group: Group | None = None,
    season: SeasonLine | None = None,
    only: Only = ALL,
) -> Board:
    """Returns the page of a leaderboard that `viewer` sees. If `page` is out of range, it is the nearest page.

    `own` are the viewer's standings, if the caller has them already. Without `others`, scores of older versions are
    not counted. `version` is the one to show, if it is not the one that the leaderboard holds. With `group`, it is the
    leaderboard of a class, which has no other version. `season` is one that has ended, whose ranks are final. `only`
    chooses the entries that are listed.

    `mine_on_live` is the viewer's row on the leaderboard of the live version, if this one holds another version.
    """
    number = season.number if season else None
    if group:
        ranked: Ranking = ComputedRanking(challenge, track, group, number)
    else:
        ranked = ranking(challenge, track, version, number)
    others = others and group is None and season is None
    listed = ranked.count(only)
    pages = max(1, math.ceil(listed / rows))
    page = min(max(1, page), pages)
    placed = ranked.slice((page - 1) * rows, rows, only)
    shown = [(place.user_id, row_of(standing, place)) for place, standing in placed]
    bands = {row.rank: Band(row.rank, row.score, row.tied) for _, row in shown if row.rank and row.tied > 1}
    mine = (
        _mine_in(ranked, viewer)
        if isinstance(ranked, ComputedRanking) and group
        else _mine(ranked, own_standings(viewer, ranked.version, season=number) if own is None else own)
    )
    revealed = season is None and is_revealed(challenge)
    compared = compare(ranked, track, mine.score if mine and mine.rank else None, private=revealed)

    def told(row: BoardRow, user_id: int | None = None) -> BoardRow:
        is_mine = row.mine or (viewer is not None and viewer.pk == user_id)
        return replace(row, mine=is_mine, **compared.of(row.score)) if row.rank else row

    return Board(
        challenge=challenge,
        track=track,
        frozen=is_frozen(challenge) and season is None,
        revealed=revealed,
        total=ranked.total,
        page=page,
        pages=pages,
        spec=ranked.version.parsed,
        season=season,
        listed=listed,
        chance=compared.chance,
        leader=compared.leader,
        own=compared.own,
        best=best_of_each(ranked, compared.chance),
        group=group,
        version=ranked.version.version,
        older=older(ranked) if others else (),
        rows=[told(row, user_id) for user_id, row in shown],
        bands=list(bands.values()),
        mine=told(mine) if mine else None,
        mine_on_live=_on_live(ranked, viewer) if others else None,
    )


def _on_live(board: Ranking, viewer: User | None) -> BoardRow | None:
    live = board.challenge.version
    if live is None or live.pk == board.version.pk or is_frozen(board.challenge):
        return None
    own = own_standings(viewer, live)
    return _mine(ranking(board.challenge, board.track, live), own) if own else None


def versions_shown(challenges: Iterable[Challenge]) -> list[ChallengeVersion]:
    """Returns the versions that the leaderboards of these challenges hold."""
    return [version_of(challenge) for challenge in challenges]


def own_standings(viewer: User | None, *versions: ChallengeVersion, season: int | None = None) -> Own:
    """Returns the viewer's standings on these versions, of which each challenge has one at most."""
    if viewer is None:
        return {}
    own = {
        (one.challenge_id, one.track): one
        for one in Standing.objects.of(viewer).in_season(season).with_rank().filter(version__in=versions)
    }
    for standing in own.values():
        standing.user = viewer
    return own


def hiding(challenge: Challenge, viewer: User | None) -> Mark | None:
    """Returns the decision that hides the viewer's own entry on the leaderboards of a challenge, if there is one."""
    if viewer is None or viewer.is_guest:
        return None
    return Mark.objects.hidings().filter(user=viewer, challenge=challenge).first()


def older(board: Ranking) -> tuple[Older, ...]:
    """Returns older versions whose scores wait for a regrade, newest first. On a frozen leaderboard, none wait."""
    if is_frozen(board.challenge):
        return ()
    others = board.challenge.versions.filter(published_at__lt=board.version.published_at)
    waiting = Standing.objects.ranked(board.challenge.course_id).filter(version__in=others, track=board.track)
    waiting = waiting.in_season()
    counted = waiting.values_list("version__version").annotate(n=Count("pk"))
    return tuple(Older(*row) for row in counted.order_by("-version"))


def beside(
    challenge: Challenge,
    track: str,
    viewer: User | None,
    own: Own | None = None,
    version: ChallengeVersion | None = None,
    group: Group | None = None,
    season: SeasonLine | None = None,
) -> list[Board]:
    """Returns the first rows of the challenge's other tracks, which are graded on the same hidden samples."""
    version = version or version_of(challenge, season.number if season else None)
    others = [kind for kind in version.parsed.tracks if kind != track]
    return [board(challenge, other, viewer, 1, BESIDE_ROWS, own, False, version, group, season) for other in others]


def groups(viewer: Person, course: Course) -> list[Group]:
    """Returns the classes of the course whose leaderboard the person may see; who teaches one sees all its grades.

    In "view as", these are those that the learner sees.
    """
    of_course = Class.objects.filter(course=course).order_by("title", "pk")
    for_members = of_course.filter(board=Class.Board.MEMBERS)
    if (viewed := access.viewed()) is not None:
        return [Group(one) for one in for_members.filter(pk=viewed.of_class.pk)]
    # The head of the page asks for the roles anyway.
    if not isinstance(viewer, User) or not viewer.takes_part:
        return []
    taught = of_course.exclude(board=Class.Board.OFF).filter(pk__in=membership.taught_by(viewer).values("pk"))
    found = {one.pk: Group(one, withheld=True) for one in taught}
    for one in for_members.filter(pk__in=membership.active(viewer, course).values("of_class")):
        found.setdefault(one.pk, Group(one))
    return list(found.values())


def as_member_sees(group: Group) -> Group | None:
    """Returns the leaderboard of a class as its learners see it, or None if they do not."""
    return Group(group.of_class) if group.of_class.board == Class.Board.MEMBERS else None


def seasons(challenge: Challenge) -> list[SeasonLine]:
    """Returns the seasons of a challenge's leaderboards, the newest first. There is always one, which runs."""
    later = list(Season.objects.filter(challenge=challenge).order_by("number"))
    ends = [*(one.began_at for one in later), None]
    lines = [SeasonLine(0, "", None, ends[0])]
    lines += [SeasonLine(one.number, one.title, one.began_at, end) for one, end in zip(later, ends[1:], strict=True)]
    return lines[::-1]


def season_named(listed: list[SeasonLine], wanted: str | None) -> SeasonLine | None:
    """Returns the season of this number from `seasons`, or the one that runs if `wanted` is empty.

    It is None for another text.
    """
    return next((one for one in listed if wanted in (None, "", str(one.number))), None)


def version_named(challenge: Challenge, wanted: str | None) -> ChallengeVersion | None:
    """Returns the version of a leaderboard: the one that it holds if `wanted` is empty, or that of this number.

    It is None unless the number is that of the held version or, while the leaderboard is not final, of the live one.
    """
    held = version_of(challenge)
    shown = [held] if is_frozen(challenge) or challenge.version is None else [held, challenge.version]
    return next((one for one in shown if wanted in (None, "", one.version)), None)


def track_of(version: ChallengeVersion, wanted: str | None) -> str | None:
    """Returns the wanted track, or the challenge's main track if `wanted` is empty, or None for an unknown track."""
    if not wanted:
        return version.parsed.kind
    return wanted if wanted in version.parsed.tracks else None


def entries(viewer: User | None) -> list[Entry]:
    """Returns the leaderboards of the main tracks of all challenges in the courses that the person finds in lists."""
    shown = [one for course in _by_title() for lesson in course.current_lessons for one in lesson.current_challenges]
    own = own_standings(viewer, *versions_shown(shown))
    rankings = [ranking(challenge, challenge.kind) for challenge in shown]
    return [Entry(one.challenge, one.total, one.best, _mine(one, own)) for one in rankings]


def _by_title() -> list[Course]:
    return sorted(catalogue.found().courses, key=lambda course: course.title)


def _mine(board: Ranking, own: Own) -> BoardRow | None:
    standing = own.get((board.challenge.pk, board.track))
    if standing is None:
        return None
    placed = board.of(standing)
    if placed is not None:
        return replace(row_of(placed[1], placed[0]), mine=True)
    return replace(row_of(standing, None), mine=True, no_rank=why_no_rank(standing))


def _mine_in(board: ComputedRanking, viewer: User | None) -> BoardRow | None:
    placed = board.of_user(viewer.pk) if viewer else None
    return replace(row_of(placed[1], placed[0]), mine=True) if placed else None


def why_no_rank(standing: Standing) -> str:
    """Returns why a standing that was loaded `with_rank` has no rank; see `BoardRow`."""
    if standing.has_rank:
        # On a frozen board: what was submitted after the freeze does not count.
        return ""
    if standing.is_hidden:
        return "hidden"
    return "guest" if standing.user.is_guest else "provisional" if standing.provisional else "role"


def row_of(standing: Standing, place: Place | None) -> BoardRow:
    """Returns the row of a standing as everybody sees it."""
    return BoardRow(
        rank=place.rank if place else None,
        pseudonym=standing.user.name_on_boards,
        score=place.score if place else standing.shown,
        tied=place.tied if place else 1,
        passed=standing.is_passed,
        gold=standing.gold,
        provisional=standing.provisional,
        mine=False,
        cost=costs_of(standing),
        reached_at=whole_second(standing.reached_at),
        approach=standing.approach,
        first=place is not None and place.is_first,
    )


def whole_second(moment: datetime) -> datetime:
    """Returns the time rounded up to a second. A finer time could reveal how long grading the hidden samples took."""
    up = timedelta(seconds=1) if moment.microsecond else timedelta()
    return moment.replace(microsecond=0) + up
