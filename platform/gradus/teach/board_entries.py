"""Queries for moderating leaderboards: the entries of the season that runs, how each came about, and what was decided.

The keys of a page are read first, and then all that the page shows of them at once, so that a page of a board of
100,000 entries takes a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.utils.translation import gettext_lazy as _

from challenges import payloads
from challenges.kinds import registry as kinds
from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.classes.models import Member
from gradus.courses import catalogue
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.leaderboards import boards
from gradus.leaderboards.places import Place
from gradus.leaderboards.ranking import ComputedRanking, Ranking, ranking, version_of
from gradus.learn.costs.approaches import titles
from gradus.submissions.models import Mark, Run, Season, Standing, Submission
from gradus.submissions.models.board_decisions import MarkQuerySet

LISTED = 50
SHOWS = {
    "": _("All"),
    "flagged": _("Flagged"),
    "hidden": _("Hidden"),
    "answered": _("Answered, and waiting"),
    "annulled": _("With annulled attempts"),
}


@dataclass(frozen=True)
class BoardLine:
    """The leaderboards of a challenge in the list: how many entries they have, and what waits there."""

    challenge: Challenge
    entries: int
    flagged: int
    hidden: int
    answers: int


@dataclass(frozen=True)
class Entry:
    """A learner's entry on one track. `standing` is None where the learner has no score that counts.

    `trials` are the trial runs before the best attempt, of those that are still kept.
    """

    user: User
    name: str
    standing: Standing | None
    place: Place | None
    no_rank: str
    attempts: int
    annulled: int
    first: datetime | None
    last: datetime | None
    trials: int | None
    approach: str
    flag: Mark | None
    hiding: Mark | None


def lines(viewer: User) -> list[tuple[Course, list[BoardLine]]]:
    """Returns the leaderboards of the courses in which the person may see what learners do."""
    reachable = set(Course.objects.filter(roles.reach(viewer, roles.SEES_ANSWERS)).values_list("pk", flat=True))
    courses = sorted((one for one in catalogue.live().courses if one.pk in reachable), key=lambda one: one.title)
    shown = {
        course: [one for lesson in course.current_lessons for one in lesson.current_challenges] for course in courses
    }
    challenges = [one for listed in shown.values() for one in listed]
    entries, marks = _entries_of(challenges), _marks_of(challenges, viewer)
    none = {"flagged": 0, "hidden": 0, "answers": 0}
    return [
        (course, [BoardLine(one, entries.get(one.pk, 0), **marks.get(one.pk, none)) for one in listed])
        for course, listed in shown.items()
    ]


def _entries_of(challenges: Sequence[Challenge]) -> dict[int, int]:
    """Returns the number of entries by challenge, on all tracks of the version that the leaderboard holds."""
    held = {version.pk: version.challenge_id for version in boards.versions_shown(challenges)}
    last = Season.objects.filter(challenge__in=challenges).values_list("challenge").annotate(last=Max("number"))
    running = dict(last.order_by())
    counted = Standing.objects.filter(version__in=held).order_by().values_list("version", "season")
    found: dict[int, int] = {}
    for version, season, entries in counted.annotate(n=Count("pk")):
        if season == running.get(held[version], 0):
            found[held[version]] = entries
    return found


def _marks_of(challenges: Iterable[Challenge], viewer: User) -> dict[int, dict[str, int]]:
    rows = seen_by(viewer).filter(challenge__in=challenges).order_by().values("challenge")
    hidden = Q(kind=Mark.Kind.HIDDEN)
    counted = rows.annotate(
        flagged=Count("pk", filter=~hidden),
        hidden=Count("pk", filter=hidden),
        answers=Count("pk", filter=hidden & Q(answered_at__isnull=False, read_at=None)),
    )
    return {
        row["challenge"]: {"flagged": row["flagged"], "hidden": row["hidden"], "answers": row["answers"]}
        for row in counted
    }


def seen_by(viewer: User) -> MarkQuerySet:
    """Returns the marks that stand, without flags of the viewer's own entries, which only others may know of."""
    return Mark.objects.standing().exclude(kind=Mark.Kind.FLAG, user=viewer)


def fullest(version: ChallengeVersion, season: int) -> str | None:
    """Returns the track with the most entries in a season, or None if there are none or only one track."""
    if len(version.parsed.tracks) == 1:
        return None
    counted = Standing.objects.filter(version=version, season=season).order_by().values_list("track")
    return next(iter(counted.annotate(n=Count("pk")).order_by("-n", "track").values_list("track", flat=True)), None)


class Keys:
    """The keys of people whose entries a list shows, by rank, as what a paginator needs."""

    def __init__(self, parts: Sequence[QuerySet[Any]]) -> None:
        """`parts` are queries of people's keys, one after the other."""
        self._parts = [(part, part.count()) for part in parts]

    def count(self) -> int:
        return sum(number for _part, number in self._parts)

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, wanted: slice) -> list[int]:
        found: list[int] = []
        start, stop = wanted.start, wanted.stop
        for part, number in self._parts:
            if start < number and stop > 0:
                found += part[max(0, start) : min(stop, number)]
            start, stop = start - number, stop - number
        return found


class Desk:
    """The entries of one track of a challenge's leaderboards, in one season, as `viewer` sees them."""

    def __init__(self, challenge: Challenge, track: str, viewer: User, season: boards.SeasonLine) -> None:
        self.challenge, self.track, self.viewer, self.season = challenge, track, viewer, season.number
        self.ranked: Ranking = ranking(challenge, track, season=season.number if season.ended_at else None)
        self.standings = Standing.objects.filter(version=self.ranked.version, track=track, season=self.season)

    def page(self, show: str, search: str, number: str) -> tuple[Page[int], list[Entry]]:
        """Returns a page of people's keys, and their entries. `number` is any text; the nearest page is meant."""
        keys: Any = self._keys(show, search)
        page = Paginator(keys, LISTED).get_page(number)
        return page, self.entries(list(page))

    def _keys(self, show: str, search: str) -> Keys | list[int]:
        if show:
            people = User.objects.filter(pk__in=self._people(show)).order_by("pseudonym")
            people = people.filter(pseudonym__icontains=search) if search else people
            return Keys([people.values_list("pk", flat=True)])
        if isinstance(self.ranked, ComputedRanking) and not search:
            placed = {place.user_id: None for place in self.ranked.places}
            rest = self.standings.order_by("-shown", "reached_at", "id").values_list("user_id", flat=True)
            return [*placed, *(one for one in rest if one not in placed)]
        found = self.standings.order_by("-shown", "reached_at", "id")
        found = found.filter(user__pseudonym__icontains=search) if search else found
        # In two parts, because the index of ranks has no provisional scores.
        return Keys([found.filter(provisional=one).values_list("user_id", flat=True) for one in (False, True)])

    def _people(self, show: str) -> QuerySet[Any]:
        if show == "annulled":
            attempts = Submission.objects.filter(challenge=self.challenge, kind=self.track, annulled=True)
            return attempts.filter(season=self.season).values("user")
        marks = seen_by(self.viewer).filter(challenge=self.challenge)
        if show == "answered":
            return marks.with_open_answer().values("user")
        return marks.filter(kind=Mark.Kind.FLAG if show == "flagged" else Mark.Kind.HIDDEN).values("user")

    def counts(self) -> dict[str, int]:
        """Returns how many people each filter shows, without that for all."""
        counted = _marks_of([self.challenge], self.viewer).get(self.challenge.pk, {})
        annulled = self._people("annulled").aggregate(n=Count("user", distinct=True))["n"]
        return {
            "flagged": counted.get("flagged", 0),
            "hidden": counted.get("hidden", 0),
            "answered": counted.get("answers", 0),
            "annulled": annulled,
        }

    def entries(self, users: Sequence[int]) -> list[Entry]:
        """Returns the entries of these people, in their order."""
        people = User.objects.in_bulk(users)
        standings = {one.user_id: one for one in self._standings(users)}
        places = self.ranked.of_each(standings.values())
        attempts = {row["user"]: row for row in self._attempts(users)}
        approaches = self._approaches([one.submission_id for one in standings.values()])
        names, marks = names_of(self.challenge.course_id, users), self._marks(users)
        made = []
        for pk in users:
            standing, tried = standings.get(pk), attempts.get(pk, {})
            place = places.get(pk)
            made.append(
                Entry(
                    user=people[pk],
                    name=names.get(pk, ""),
                    standing=standing,
                    place=place,
                    no_rank="" if standing is None or place else boards.why_no_rank(standing),
                    attempts=tried.get("attempts", 0),
                    annulled=tried.get("annulled_ones", 0),
                    first=tried.get("first"),
                    last=tried.get("last"),
                    trials=(getattr(standing, "trials", None) or 0) if standing else None,
                    approach=approaches.get(standing.submission_id, "") if standing else "",
                    flag=marks.get((pk, Mark.Kind.FLAG)),
                    hiding=marks.get((pk, Mark.Kind.HIDDEN)),
                )
            )
        return made

    def _standings(self, users: Sequence[int]) -> QuerySet[Standing]:
        trials = (
            Run.objects.trials()
            .filter(user=OuterRef("user"), kind=self.track)
            .filter(version__challenge=self.challenge, created_at__lt=OuterRef("submission__created_at"))
            .order_by()
            .values("user")
        )
        found = self.standings.filter(user__in=users).with_rank().select_related("user")
        return found.annotate(trials=Subquery(trials.annotate(n=Count("pk")).values("n")))

    def _attempts(self, users: Sequence[int]) -> QuerySet[Any, Any]:
        made = Submission.objects.filter(user__in=users, challenge=self.challenge, kind=self.track, season=self.season)
        return (
            made.order_by()
            .values("user")
            .annotate(
                attempts=Count("pk"),
                annulled_ones=Count("pk", filter=Q(annulled=True)),
                first=Min("created_at"),
                last=Max("created_at"),
            )
        )

    def _approaches(self, submissions: Sequence[int]) -> dict[int, str]:
        """Returns the titles of the approaches. Of what is trained, the database gives the method without the rows."""
        kind, found, named = kinds.find(self.track), Submission.objects.filter(pk__in=submissions), titles()
        if kind.is_trained:
            methods = dict(found.annotate(method=KT("payload__method")).values_list("pk", "method"))
            return {pk: named.get(method, method) for pk, method in methods.items()}
        stored = found.values_list("pk", "payload")
        approaches = {pk: kind.approach(payloads.parse(payload)) for pk, payload in stored}
        return {pk: named.get(one, "") for pk, one in approaches.items()}

    def _marks(self, users: Sequence[int]) -> dict[tuple[int, str], Mark]:
        marks = seen_by(self.viewer).filter(challenge=self.challenge, user__in=users)
        return {(one.user_id, one.kind): one for one in marks}


def on_all_tracks(challenge: Challenge, person: User, viewer: User) -> list[tuple[str, Entry]]:
    """Returns the entries of one learner by track, without tracks at which there is no attempt in this season."""
    tracks = version_of(challenge).parsed.tracks
    season = boards.seasons(challenge)[0]
    entries = [(track, Desk(challenge, track, viewer, season).entries([person.pk])[0]) for track in tracks]
    return [(track, one) for track, one in entries if one.attempts]


def names_of(course: int, users: Sequence[int]) -> dict[int, str]:
    """Returns the names of those who are members of a class of the course, whose people who teach see them."""
    members = Member.objects.filter(of_class__course=course, user__in=users).order_by("pk")
    found = {one.user_id: f"{one.first_name} {one.last_name}".strip() for one in members}
    return {user: name for user, name in found.items() if user is not None}


def people_of(challenge: Challenge) -> QuerySet[User]:
    """Returns the people who have ever handed in something at the challenge."""
    return User.objects.filter(Exists(Submission.objects.filter(user=OuterRef("pk"), challenge=challenge)))
