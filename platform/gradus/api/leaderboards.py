"""The leaderboard of a challenge: ranks, bands of equal scores, and the caller's own row."""

from datetime import datetime
from typing import Annotated, Literal

from django.http import Http404
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import BeforeValidator, Field

from gradus.accounts.roles import SEES_ANSWERS
from gradus.api.auth import OPTIONAL, Request, allows, anyone, caller_or_none, someone
from gradus.api.results import Track
from gradus.courses import catalogue
from gradus.leaderboards import boards
from gradus.leaderboards.filters import BoardFilter
from gradus.leaderboards.ranking import version_of
from gradus.refusal import Refused


class IntervalOut(Schema):
    """Where the score on all possible samples lies, in 95 % of cases."""

    low: float
    high: float


Interval = Annotated[IntervalOut, BeforeValidator(lambda ends: dict(zip(("low", "high"), ends, strict=True)))]


class PlaceOut(Schema):
    rank: int | None = None
    pseudonym: str
    score: float
    tied: int = Field(description="How many learners share this rank, including this one")
    passed: bool
    gold: bool
    provisional: bool
    mine: bool
    cost: dict[str, float]
    reached_at: datetime
    no_rank: str = Field(
        description="Why the caller's own row has no rank: hidden (a person hid it), provisional, guest, or role for "
        "somebody who may read the hidden rows of the course; empty otherwise"
    )
    approach: str = Field("", description="The approach of the attempt, such as few_shot or lora; empty if unknown")
    first: bool = Field(False, description="Of those with this score, it was reached first")
    interval: Interval | None = Field(
        None,
        description="Computed from the shown score and the number of hidden samples, rounded down to one digit and "
        "zeros, and from nothing else; null where that gives no honest interval, such as for macro F1",
    )
    like_leader: bool = Field(False, description="Its interval overlaps with that of the best score")
    like_mine: bool = Field(False, description="Its interval overlaps with that of the caller's score")


class BandOut(Schema):
    """Learners with equal shown scores, who share a rank."""

    rank: int
    score: float
    learners: int


class AlikeOut(Schema):
    """The scores whose intervals overlap with that of `score`, so that chance alone may explain how they differ.

    It changes no rank.
    """

    score: float
    low: float
    high: float
    learners: int


class BestOut(Schema):
    approach: str
    score: float
    pseudonym: str
    interval: Interval | None = None
    cost: dict[str, float]


class OlderOut(Schema):
    """Scores of another version. They are not on the leaderboard until they are graded by its version."""

    version: str
    scores: int


class SeasonOut(Schema):
    """A period of the leaderboards of a challenge, which begins with no entries. The first one is number 0."""

    number: int
    title: str
    began_at: datetime | None = None
    ended_at: datetime | None = Field(None, description="None for the season that runs")


class LeaderboardOut(Schema):
    challenge: str
    version: str = Field(description="The version whose scores are on the leaderboard")
    live_version: str = Field(
        "",
        description="The version that accepts submissions. It has a leaderboard of its own until the scores of "
        "`version` have been graded again",
    )
    older: list[OlderOut]
    track: Track
    tracks: list[Track]
    season: int = Field(0, description="The number of the season whose ranks these are")
    seasons: list[SeasonOut] = Field([], description="All seasons, the newest first")
    frozen: bool = Field(description="A frozen leaderboard is closed: later attempts have no rank")
    revealed: bool = Field(
        False, description="Whether a frozen leaderboard ranks by scores on the private part of the hidden samples"
    )
    reveals_at: datetime | None = Field(
        None, description="When a frozen leaderboard that still shows public ranks will show the private ones"
    )
    total: int
    page: int
    pages: int
    rows: list[PlaceOut]
    bands: list[BandOut]
    mine: PlaceOut | None = None
    mine_on_live: PlaceOut | None = Field(None, description="The caller's row for `live_version`, if it is another one")
    about_rows: int = Field(
        0,
        description="About how many hidden samples a score is computed from, rounded down to one digit and zeros; "
        "0 for fewer than ten",
    )
    like_leader: AlikeOut | None = Field(None, description="The scores that cannot be told apart from the best one")
    like_mine: AlikeOut | None = Field(None, description="The scores that cannot be told apart from the caller's")
    best: list[BestOut] = Field([], description="The best score of each approach of the track, the first that had it")
    listed: int = Field(0, description="How many entries the filters choose; `total` counts everybody")


def leaderboard_out(board: boards.Board, season: int, seasons: list[boards.SeasonLine]) -> LeaderboardOut:
    return LeaderboardOut.model_validate(
        {
            **vars(board),
            "reveals_at": board.challenge.course.reveal_at if board.frozen and not board.revealed else None,
            "season": season,
            "seasons": seasons,
            "live_version": board.live_version,
            "challenge": board.challenge.slug,
            "tracks": board.spec.tracks,
            "about_rows": board.chance.rows,
            "like_leader": board.leader,
            "like_mine": board.own,
        }
    )


router = Router(tags=["challenges"], auth=someone)


@router.get("/challenges/{slug:id}/leaderboard", response=LeaderboardOut, auth=anyone, openapi_extra=OPTIONAL)
def leaderboard(
    request: Request,
    id: str,
    track: Track | None = None,
    page: Annotated[int, Query(ge=1)] = 1,
    version: Annotated[str | None, Query(max_length=40, description="`live_version`, to see its scores")] = None,
    of_class: Annotated[
        int | None, Query(alias="class", description="The number of a class, to read the leaderboard of that class")
    ] = None,
    season: Annotated[
        int | None, Query(ge=0, description="The number of a season that has ended, whose ranks are final")
    ] = None,
    approach: Annotated[
        str, Query(max_length=40, description="Lists the entries of this approach. Ranks are those among everybody")
    ] = "",
    people: Annotated[
        Literal["", "friends"], Query(description="`friends` lists the caller and those who have agreed to be friends")
    ] = "",
    week: Annotated[
        str, Query(pattern=r"^(\d{4}-W\d\d)?$", description="Lists entries reached in one of the last eight ISO weeks")
    ] = "",
) -> LeaderboardOut:
    """Returns ranks, tie bands and the caller's row. Equal shown scores share a rank.

    Intervals tell how far chance alone can move a score; `like_leader` and `like_mine` are scores it cannot tell apart.
    """
    found = catalogue.now().challenge(id)
    seasons = boards.seasons(found)
    asked = boards.season_named(seasons, None if season is None else str(season))
    if asked is None:
        raise Http404
    past = asked if asked.ended_at else None
    held = version_of(found, past.number) if past else boards.version_named(found, version)
    chosen = boards.track_of(held, track) if held else None
    if held is None or chosen is None:
        raise Http404
    viewer, group = caller_or_none(request), None
    if of_class is not None:
        group = next((one for one in boards.groups(viewer, found.course) if one.of_class.pk == of_class), None)
        if group is not None and group.withheld and not allows(request, SEES_ANSWERS):
            group = boards.as_member_sees(group)
        if group is None:
            raise Http404
    only = BoardFilter(held.parsed, chosen, {"people": people, "approach": approach, "week": week}, viewer)
    if people and only.account is None:
        raise Refused("account_needed", _("Sign in or sign up to have friends on leaderboards."), 403)
    if not only.is_valid():
        raise Http404
    board = boards.board(found, chosen, viewer, page, version=held, group=group, season=past, only=only.only())
    return leaderboard_out(board, asked.number, seasons)
