"""The calls for the moderation of leaderboards: entries with how they came about, and what people decide about them.

An entry is what one learner has on the leaderboards of a challenge; its number is the same on all tracks and in all
seasons. People without a role in the course get 404. Nobody reads flags of the own entry, or decides about it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema
from pydantic import Field

from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.accounts.token_rules import Scope
from gradus.api.auth import Request, caller, requires
from gradus.api.leaderboards import SeasonOut
from gradus.api.names import Pseudonym
from gradus.api.results import State, Track
from gradus.courses import catalogue
from gradus.courses.board_versions import is_frozen
from gradus.courses.models import Challenge
from gradus.leaderboards import boards
from gradus.leaderboards.ranking import version_of
from gradus.submissions.models import Submission
from gradus.teach.board_entries import Desk, Entry, on_all_tracks, people_of
from gradus.teach.board_history import attempts_of, history_of

Kind = Literal["flag", "hidden"]
Show = Literal["all", "flagged", "hidden", "answered", "annulled"]


class EntryMarkOut(Schema):
    """A flag, which only staff read, or a hiding, whose reason its learner reads and may answer once."""

    id: int
    kind: Kind
    reason: str
    made_by: Pseudonym | None
    made_at: datetime
    answer: str
    answered_at: datetime | None
    read_at: datetime | None = Field(description="When a person read the answer, and the entry stayed hidden")
    ended_by: Pseudonym | None
    ended_at: datetime | None = Field(description="None as long as the mark stands")


class BoardEntryOut(Schema):
    """An entry on one track, in the season that runs."""

    entry: int
    pseudonym: str
    name: str = Field(description="The name of a member of a class of the course; empty for others")
    track: Track
    rank: int | None
    tied: int | None = Field(description="How many share the rank, including this one")
    score: float | None = Field(description="The score as learners see it; null where no attempt counts")
    no_rank: str = Field(
        description="Why a score has no rank: hidden, provisional, guest, or role for somebody who may read the hidden "
        "rows of the course; empty otherwise"
    )
    attempts: int
    annulled: int = Field(description="How many of the attempts are annulled")
    first_at: datetime | None
    last_at: datetime | None
    trials: int | None = Field(description="Trial runs before the best attempt, of those that are still kept")
    approach: str
    flag: EntryMarkOut | None
    hiding: EntryMarkOut | None


class BoardEntriesOut(Schema):
    challenge: str
    version: str
    track: Track
    tracks: list[Track]
    seasons: list[SeasonOut] = Field(description="The newest first, which is the one that runs")
    frozen: bool
    counts: dict[str, int] = Field(description="How many entries each value of `show` lists, but for `all`")
    entries: list[BoardEntryOut]
    count: int
    page: int
    pages: int


class BoardDates(Schema):
    """When all leaderboards of a course close. Times without an offset are in the time zone of the course."""

    frozen_at: datetime | None = Field(description="Attempts after that have no rank; null: the leaderboards stay open")
    reveal_at: datetime | None = Field(
        description="Ranks are by private scores, and final, from then on; null: as soon as leaderboards have closed"
    )


class AnnulmentOut(Schema):
    id: int
    reason: str
    made_by: Pseudonym | None
    made_at: datetime
    ended_by: Pseudonym | None
    ended_at: datetime | None


class RerunOut(Schema):
    """A run to verify a score. It never counts, and its learner learns nothing of it.

    `before` and `score` are the scores of the attempt and of the run as they were computed.
    """

    seed: int
    own_seed: bool = Field(description="Whether the seed is that of the attempt")
    before: float
    score: float | None = Field(
        validation_alias="value", description="Null until it is graded, and where it ended with an error"
    )
    difference: float | None
    differs: bool = Field(description="Whether the difference is more than a step. This is evidence, not a verdict")
    engine: str = Field(validation_alias="engine_profile")
    error: str = Field(validation_alias="error_code")
    asked_by: Pseudonym | None
    asked_at: datetime
    finished_at: datetime | None


class EntryAttemptOut(Schema):
    uuid: UUID
    entry: int
    kind: Track
    created_at: datetime
    season: int
    of_class: int | None = Field(description="The number of the class for which it counts")
    version: str = Field(description="The version of the challenge by which it is graded")
    status: State
    score: float | None = Field(description="As its learner sees it once it is released")
    provisional: bool
    annulled: bool = Field(description="It counts nowhere")
    annulments: list[AnnulmentOut]
    reruns: list[RerunOut] = Field(description="The newest first; none of them for the own attempts")


class EntryClassOut(Schema):
    """A class of the course in which the person learns. Attempts are granted and grades set there."""

    id: int = Field(validation_alias="of_class_id")
    title: str = Field(validation_alias="of_class.title")
    member: int = Field(validation_alias="pk")


class EntryHistoryOut(Schema):
    """What a learner did at a challenge on all tracks and in all seasons, and what was decided; the newest first."""

    entry: int
    pseudonym: str
    name: str
    tracks: list[BoardEntryOut]
    marks: list[EntryMarkOut]
    classes: list[EntryClassOut]
    attempts: list[EntryAttemptOut]
    page: int
    pages: int


def entry_out(track: str, one: Entry) -> dict[str, Any]:
    return {
        **vars(one),
        "entry": one.user.pk,
        "pseudonym": one.user.pseudonym,
        "track": track,
        "rank": one.place.rank if one.place else None,
        "tied": one.place.tied if one.place else None,
        "score": one.standing.shown if one.standing else None,
        "first_at": one.first,
        "last_at": one.last,
    }


def attempt_out(one: Submission, viewer: User) -> dict[str, Any]:
    """`one` is one of `attempts_of`, with what was decided about it."""
    decided: Any = one
    evaluation = one.current_for_staff
    score = getattr(evaluation, "score", None)
    return {
        **{key: getattr(one, key) for key in ("uuid", "kind", "created_at", "season", "annulled")},
        "entry": one.user_id,
        "of_class": one.of_class_id,
        "version": evaluation.version.version,
        "status": evaluation.state,
        "score": score.shown if score else None,
        "provisional": score.provisional if score else False,
        "annulments": decided.decisions,
        "reruns": [] if one.user_id == viewer.pk else decided.runs_again,
    }


def history_out(challenge: Challenge, person: User, viewer: User, page: int) -> dict[str, Any]:
    history = history_of(person, challenge, viewer, str(page))
    return {
        "entry": person.pk,
        "pseudonym": person.pseudonym,
        "name": history.name,
        "tracks": [entry_out(track, one) for track, one in on_all_tracks(challenge, person, viewer)],
        "marks": history.marks,
        "classes": history.members,
        "attempts": [attempt_out(one, viewer) for one in history.attempts],
        "page": history.attempts.number,
        "pages": history.attempts.paginator.num_pages,
    }


router = Router(tags=["boards"], auth=requires(roles.SEES_ANSWERS))


def board_of(request: Request, id: str, need: Scope = roles.SEES_ANSWERS) -> Challenge:
    """Returns the challenge. Raises `Http404` or `Refused` (403) if the caller may not do this in its course."""
    challenge = catalogue.live().challenge(id)
    roles.refuse_unless(caller(request), challenge.course_id, need)
    return challenge


def attempt_of(request: Request, challenge: Challenge, uuid: UUID) -> dict[str, Any]:
    return attempt_out(get_object_or_404(attempts_of(challenge), uuid=uuid), caller(request))


@router.get("/boards/{slug:id}/entries", response=BoardEntriesOut)
def board_entries(
    request: Request,
    id: str,
    track: Track | None = None,
    show: Show = "all",
    search: Annotated[str, Query(max_length=100, description="A part of the name on leaderboards")] = "",
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
) -> dict[str, Any]:
    """Returns a page of the entries of the season that runs, also those without a rank, with what was decided."""
    challenge = board_of(request, id)
    chosen = boards.track_of(version_of(challenge), track)
    if chosen is None:
        raise Http404
    seasons = boards.seasons(challenge)
    desk = Desk(challenge, chosen, caller(request), seasons[0])
    rows, entries = desk.page("" if show == "all" else show, search.strip(), str(page))
    return {
        "challenge": challenge.slug,
        "version": desk.ranked.version.version,
        "track": chosen,
        "tracks": list(desk.ranked.version.parsed.tracks),
        "seasons": seasons,
        "frozen": is_frozen(challenge),
        "counts": desk.counts(),
        "entries": [entry_out(chosen, one) for one in entries],
        "count": rows.paginator.count,
        "page": rows.number,
        "pages": rows.paginator.num_pages,
    }


@router.get("/boards/{slug:id}/entry", response=EntryHistoryOut)
def board_entry_named(
    request: Request,
    id: str,
    pseudonym: Annotated[str, Query(max_length=100, description="The whole name on leaderboards")],
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
) -> dict[str, Any]:
    """Returns what `/entries/{entry}` does, for the learner who has this name."""
    challenge = board_of(request, id)
    person = get_object_or_404(people_of(challenge), pseudonym=pseudonym)
    return history_out(challenge, person, caller(request), page)


@router.get("/boards/{slug:id}/entries/{int:entry}", response=EntryHistoryOut)
def board_entry(
    request: Request, id: str, entry: int, page: Annotated[int, Query(ge=1, le=10**6)] = 1
) -> dict[str, Any]:
    """Returns how an entry came about: its attempts, ten on a page, and what people decided about it."""
    challenge = board_of(request, id)
    return history_out(challenge, get_object_or_404(people_of(challenge), pk=entry), caller(request), page)


@router.get("/boards/{slug:id}/attempts/{uuid:uuid}", response=EntryAttemptOut)
def board_attempt(request: Request, id: str, uuid: UUID) -> dict[str, Any]:
    """Returns an attempt, with annulments and the results of runs that verify it."""
    return attempt_of(request, board_of(request, id), uuid)
