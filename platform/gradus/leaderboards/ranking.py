"""Ranks the standings of a leaderboard: by public scores, and by private ones once a closed one is revealed.

A leaderboard holds one version of its challenge, because scores on different hidden samples cannot be compared, and
one season: that which runs, unless an earlier one is asked for.

Scores are compared after they were rounded down to the challenge's step. Before the ranks of a frozen course are
revealed, scores on the public part of the hidden samples count; from then on, scores on their private part, rounded to
the same step. Submissions after the freeze do not count, because each of them would reveal something about the private
part.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from operator import itemgetter
from typing import Any, Protocol

from django.db.models import Count, Subquery

from challenges import payloads
from challenges.shown_score import floor_to_step
from gradus.classes.models import Class
from gradus.courses.board_versions import is_frozen, is_revealed
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.leaderboards.places import Band, Place, Places, Scored
from gradus.submissions.models import Score, ScoreQuerySet, Season, Standing, StandingQuerySet, Submission
from gradus.submissions.models.board_decisions import not_hidden
from gradus.submissions.models.results import of_ranked_people
from gradus.submissions.results.standings import standing_of


@dataclass(frozen=True)
class Only:
    """Which entries a page shows: all without a value here. Ranks are always those among everybody.

    `reached` has the first moment and the one after the last, as leaderboards show moments: rounded up to a second.
    """

    approach: str = ""
    reached: tuple[datetime, datetime] | None = None
    people: Collection[int] | None = None

    def __bool__(self) -> bool:
        return self != ALL

    def of(self, ranked: StandingQuerySet) -> StandingQuerySet:
        """Returns those of these standings."""
        if self.approach:
            ranked = ranked.filter(approach=self.approach)
        if self.reached:
            after, last = self._stored
            ranked = ranked.filter(reached_at__gt=after, reached_at__lte=last)
        return ranked if self.people is None else ranked.filter(user__in=self.people)

    def takes(self, place: Place, approach: str) -> bool:
        """Returns whether a computed place is one of them."""
        if self.approach not in ("", approach) or (self.people is not None and place.user_id not in self.people):
            return False
        if self.reached is None:
            return True
        assert place.reached_at is not None
        after, last = self._stored
        return after < place.reached_at <= last

    @property
    def _stored(self) -> tuple[datetime, datetime]:
        """The stored moments of `reached`, of which the first lies before it and the last in it."""
        assert self.reached is not None
        first, end = self.reached
        return first - timedelta(seconds=1), end - timedelta(seconds=1)


ALL = Only()


def version_of(challenge: Challenge, season: int | None = None) -> ChallengeVersion:
    """Returns the version that a leaderboard holds: the live one, or an earlier one whose scores wait for a regrade.

    On a frozen leaderboard, it is the one that it held at the freeze. With `season`, the number of one that has ended,
    it is the version by which most of its entries were graded, and of equal ones the newest.
    """
    if season is not None:
        entries = Standing.objects.filter(challenge=challenge, season=season, provisional=False).order_by()
        counted = entries.values_list("version").annotate(n=Count("pk")).order_by("-n", "-version__published_at")
        most = counted.first()
        if most is not None:
            return challenge.versions.defer(*ChallengeVersion.CONTENT).get(pk=most[0])
    assert challenge.version is not None
    if challenge.board_version is not None:
        return challenge.board_version
    if not is_frozen(challenge):
        return challenge.version
    frozen_at = challenge.lesson.course.frozen_at
    shown = challenge.versions.filter(published_at__lte=frozen_at).defer(*ChallengeVersion.CONTENT)
    return shown.order_by("published_at", "pk").last() or challenge.version


@dataclass(frozen=True)
class Group:
    """A class whose learners are ranked by their attempts for it. Withheld ones count only with `withheld`."""

    of_class: Class
    withheld: bool = False


# What `places.Scored` has, with two scores: the public and the private one.
Both = tuple[int, int, float, float | None, int, datetime]
OWNER = "evaluation__submission__"


def places(challenge: Challenge, track: str, group: Group | None = None, season: int | None = None) -> Places:
    """Returns the places of all ranked standings."""
    if group is not None or _is_closed(challenge, season):
        return Places(_by_scores(challenge, track, group, season))
    ranked = _standings(challenge, track, version_of(challenge, season), season)
    return Places(list(ranked.values_list("pk", "user_id", "shown", "submission_id", "reached_at")))


def _is_closed(challenge: Challenge, season: int | None) -> bool:
    """Returns True if later attempts have no rank. A season that has ended keeps the ranks that it ended with."""
    return season is None and is_frozen(challenge)


def _standings(
    challenge: Challenge, track: str, version: ChallengeVersion, season: int | None = None
) -> StandingQuerySet:
    """Returns the ranked standings of a season, or of the one that runs."""
    ranked = Standing.objects.ranked(challenge.course_id)
    number = Season.objects.number_of(challenge.pk) if season is None else season
    return ranked.filter(version=version, track=track, season=number)


def _by_scores(challenge: Challenge, track: str, group: Group | None, season: int | None = None) -> list[Scored]:
    """Returns the scores that count, earliest first; see `both_scores`."""
    private = season is None and is_revealed(challenge)
    return [
        (pk, user, final if private and final is not None else shown, submission, reached_at)
        for pk, user, shown, final, submission, reached_at in both_scores(challenge, track, group, season)
    ]


def both_scores(challenge: Challenge, track: str, group: Group | None = None, season: int | None = None) -> list[Both]:
    """Returns both scores of all who have a rank, earliest first.

    Both are rounded down to the step. The private one is None where a challenge has no private part. It may be shown
    only once ranks are revealed.

    Each learner has the best score, by its shown value, among those of the class and those submitted before the freeze.
    """
    scores = _scores(challenge, track, group, season)
    if group is None and _is_closed(challenge, season):
        ranked, improved = _closed(challenge, track)
        rows = list(ranked.values_list("pk", "user_id", "shown", "private_value", "submission_id", "reached_at"))
        rows += _best_of(scores, improved)
    else:
        rows = _best(scores)
    floored = _floored(challenge, season, {row[3] for row in rows})
    rows.sort(key=itemgetter(5, 4))
    return [
        (pk, user, shown, floored[private], submission, reached_at)
        for pk, user, shown, private, submission, reached_at in rows
    ]


def revealed_scores(challenge: Challenge, track: str) -> list[tuple[int, float, float]]:
    """Returns (id of the learner, public and private score) as `both_scores` has them, of entries with both.

    It reads no times, which cost most of the time where there are many entries.
    """
    ranked, improved = _closed(challenge, track)
    rows = list(ranked.values_list("user_id", "shown", "private_value"))
    rows += [row[1:4] for row in _best_of(_scores(challenge, track, None, None), improved)]
    floored = _floored(challenge, None, {row[2] for row in rows})
    found = [(user, public, floored[private]) for user, public, private in rows]
    return [(user, public, private) for user, public, private in found if private is not None]


def _floored(challenge: Challenge, season: int | None, scores: set[float | None]) -> dict[float | None, float | None]:
    """Returns each score rounded down to the step. Many entries have the same one."""
    step = version_of(challenge, season).parsed.feedback.step
    return {score: None if score is None else floor_to_step(score, step) for score in scores}


def _closed(challenge: Challenge, track: str) -> tuple[StandingQuerySet, StandingQuerySet]:
    """Returns the ranked standings of a frozen board that count, and those of learners who have improved afterwards.

    The best of all attempts is the best of those before the freeze, if it is one of them.
    """
    frozen_at = challenge.lesson.course.frozen_at
    late = Submission.objects.filter(challenge=challenge, kind=track, created_at__gt=frozen_at).values("pk")
    number = Season.objects.number_of(challenge.pk)
    standings = Standing.objects.filter(version=version_of(challenge), track=track, season=number)
    ranked = standings.ranked(challenge.course_id).order_by().exclude(submission__in=late)
    return ranked, standings.order_by().filter(submission__in=late)


def _best_of(scores: ScoreQuerySet, improved: StandingQuerySet) -> list[Both]:
    if not improved.exists():
        return []
    return _best(scores.filter(**{f"{OWNER}user__in": improved.values("user")}))


def _scores(challenge: Challenge, track: str, group: Group | None, season: int | None) -> ScoreQuerySet:
    """Returns the scores from which each learner has the best."""
    version = version_of(challenge, season)
    scores = Score.objects.current().on(challenge, track).of_version(version)
    scores = scores.in_season_of(challenge, season)
    if _is_closed(challenge, season):
        scores = scores.filter(**{f"{OWNER}created_at__lte": challenge.lesson.course.frozen_at})
    if group is not None:
        learners = group.of_class.members.active().learners().filter(user__isnull=False).values("user")
        scores = scores.filter(**{f"{OWNER}of_class": group.of_class, f"{OWNER}user__in": learners})
    if group is None or not group.withheld:
        scores = scores.released()
    people = of_ranked_people(f"{OWNER}user", challenge.course_id) & not_hidden(f"{OWNER}user", challenge.pk)
    return scores.filter(people)


def _best(scores: ScoreQuerySet) -> list[Both]:
    """Returns the best score of each learner, unless it is provisional."""
    best: dict[int, Any] = {}
    names = ("shown", "private_value", f"{OWNER}pk", "created_at", "provisional")
    for row in scores.best_first().values_list("pk", f"{OWNER}user_id", *names):
        best.setdefault(row[1], row)
    return [row[:6] for row in best.values() if not row[6]]


class Ranking(Protocol):
    """The places of a leaderboard with their standings, best first.

    `best` is the score of rank 1, or None if there is no rank. `bands` has each score with its learners, best first.
    """

    challenge: Challenge
    version: ChallengeVersion
    track: str
    total: int
    best: float | None
    bands: list[Band]

    def count(self, only: Only) -> int: ...
    def slice(self, start: int, rows: int, only: Only = ALL) -> list[tuple[Place, Standing]]: ...
    def best_of_each(self, approaches: Iterable[str]) -> list[tuple[float, Standing]]:
        """Returns the first standing of each approach that has one, with its score."""

    def of(self, standing: Standing) -> tuple[Place, Standing] | None:
        """Returns the place of a standing that was loaded `with_rank`, or None if it has none."""

    def of_each(self, standings: Collection[Standing]) -> dict[int, Place]:
        """Returns the places of standings that were loaded `with_rank`, by the id of the learner."""


class ComputedRanking:
    """The ranking of a frozen leaderboard, or of that of a class. All places are computed from the scores."""

    def __init__(self, challenge: Challenge, track: str, group: Group | None = None, season: int | None = None) -> None:
        self.challenge, self.version, self.track = challenge, version_of(challenge, season), track
        self.places = places(challenge, track, group, season)
        self.total = len(self.places)
        self.best = self.places[0].score if self.places else None
        self.bands = self.places.bands

    def count(self, only: Only) -> int:
        return len(self._only(only))

    def slice(self, start: int, rows: int, only: Only = ALL) -> list[tuple[Place, Standing]]:
        return self._loaded(self._only(only)[start : start + rows])

    def _only(self, only: Only) -> Sequence[Place]:
        if not only:
            return self.places
        known = self.approaches if only.approach else {}
        return [place for place in self.places if only.takes(place, known.get(place.submission_id, ""))]

    def best_of_each(self, approaches: Iterable[str]) -> list[tuple[float, Standing]]:
        first = {self.approaches.get(place.submission_id): place for place in reversed(self.places)}
        found = self._loaded([first[one] for one in approaches if one in first])
        return [(place.score, standing) for place, standing in found]

    @cached_property
    def approaches(self) -> dict[int, str]:
        """The approach of each attempt here, of which nearly all have a standing, so that few payloads are read."""
        kept = Standing.objects.filter(version=self.version, track=self.track).order_by()
        known = dict(kept.values_list("submission_id", "approach"))
        missing = [item[3] for item in self.places.scores if item[3] not in known]
        for pk, payload in Submission.objects.filter(pk__in=missing).values_list("pk", "payload"):
            known[pk] = payloads.approach_of(payload)
        return known

    def of(self, standing: Standing) -> tuple[Place, Standing] | None:
        return self.of_user(standing.user_id)

    def of_each(self, standings: Collection[Standing]) -> dict[int, Place]:
        wanted = {standing.user_id for standing in standings}
        return {place.user_id: place for place in self.places.of_users(wanted)}

    def of_user(self, user_id: int) -> tuple[Place, Standing] | None:
        return next(iter(self._loaded(self.places.of_users({user_id}))), None)

    def _loaded(self, shown: Sequence[Place]) -> list[tuple[Place, Standing]]:
        found = Score.objects.current().filter(evaluation__submission__in=[place.submission_id for place in shown])
        scores = {one.evaluation.submission_id: one for one in found.select_related("evaluation__submission__user")}
        return [(one, standing_of(scores[one.submission_id])) for one in shown if one.submission_id in scores]


class RunningRanking:
    """The ranking of a running leaderboard. It counts how many learners have each score, because there are few scores.

    It gives the ranks that `places` gives, as a test checks, but loads only the standings of a page.
    """

    def __init__(
        self, challenge: Challenge, track: str, version: ChallengeVersion | None = None, season: int | None = None
    ) -> None:
        self.challenge, self.version, self.track = challenge, version or version_of(challenge, season), track
        self.ranked = _standings(challenge, track, self.version, season)
        self.bands = list(self._counted())
        self.total = sum(band.learners for band in self.bands)
        self.best = self.bands[0].score if self.bands else None

    def _counted(self) -> Iterator[Band]:
        ahead = 0
        for score, learners in self.ranked.values_list("shown").annotate(n=Count("pk")).order_by("-shown"):
            yield Band(ahead + 1, score, learners)
            ahead += learners

    def count(self, only: Only) -> int:
        return only.of(self.ranked).count() if only else self.total

    def slice(self, start: int, rows: int, only: Only = ALL) -> list[tuple[Place, Standing]]:
        if only:
            keys = list(only.of(self.ranked).values_list("pk", flat=True)[start : start + rows])
            return self._loaded(keys, None)
        first = next((band for band in self.bands if start < band.rank - 1 + band.learners), None)
        if first is None:
            return []
        skipped = start - (first.rank - 1)
        # The keys are read first: skipping rows is cheap in the index alone, but not in a join with the learners.
        keys = list(self.ranked.filter(shown__lte=first.score).values_list("pk", flat=True)[skipped : skipped + rows])
        ranks = {band.rank for band in self.bands}
        return self._loaded(keys, {key for number, key in enumerate(keys, start + 1) if number in ranks})

    def _loaded(self, keys: list[int], firsts: set[int] | None) -> list[tuple[Place, Standing]]:
        """`firsts` has the keys of those that reached their score first; with None, they are looked up."""
        standings = Standing.objects.ranked(self.challenge.course_id).filter(pk__in=keys).select_related("user")
        listed = list(standings)
        if firsts is None:
            firsts = self._firsts({standing.shown for standing in listed})
        return [(self._placed(standing, standing.pk in firsts), standing) for standing in listed]

    def _firsts(self, scores: Collection[float]) -> set[int]:
        """Returns the keys of the standings that reached these scores first, of scores that several have."""
        tied = {band.score for band in self.bands if band.learners > 1}
        first = self._first_of(self.ranked.filter(shown=score) for score in scores if score in tied)
        return set(first.values_list("pk", flat=True))

    def best_of_each(self, approaches: Iterable[str]) -> list[tuple[float, Standing]]:
        first = self._first_of(self.ranked.filter(approach=approach) for approach in approaches)
        return [(standing.shown, standing) for standing in first.select_related("user")]

    def _first_of(self, queries: Iterable[StandingQuerySet]) -> StandingQuerySet:
        """Returns the first row of each query, by one query."""
        return Standing.objects.filter(pk__in=[Subquery(query.values("pk")[:1]) for query in queries])

    def of(self, standing: Standing) -> tuple[Place, Standing] | None:
        if not standing.has_rank:
            return None
        return self._placed(standing, standing.pk in self._firsts([standing.shown])), standing

    def of_each(self, standings: Collection[Standing]) -> dict[int, Place]:
        ranked = [standing for standing in standings if standing.has_rank]
        firsts = self._firsts({standing.shown for standing in ranked})
        return {standing.user_id: self._placed(standing, standing.pk in firsts) for standing in ranked}

    def _placed(self, standing: Standing, is_first: bool) -> Place:
        """Returns the place of a standing. A score that is newer than the count has no tie yet."""
        tied = next((band.learners for band in self.bands if band.score == standing.shown), 1)
        rank = 1 + sum(band.learners for band in self.bands if band.score > standing.shown)
        return Place(standing.pk, standing.user_id, rank, standing.shown, tied, is_first or tied == 1)


def ranking(
    challenge: Challenge, track: str, version: ChallengeVersion | None = None, season: int | None = None
) -> Ranking:
    """Returns the ranking of a challenge's track, by its private scores once those of a frozen course are revealed.

    Without `version`, it is that of the version that the leaderboard holds. `season` is the number of a season that has
    ended; without it, it is the one that runs.
    """
    if _is_closed(challenge, season):
        return ComputedRanking(challenge, track)
    return RunningRanking(challenge, track, version, season)
