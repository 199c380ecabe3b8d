"""How a class is doing: who has not begun, who is stuck, which challenges lose people, and what the last week brought.

Only attempts for this class count, of those who learn in it now, whether or not their grades are released.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Case, Count, F, Min, Q, QuerySet, When, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from gradus.classes.models import Class, Label, Member
from gradus.courses.models import Challenge
from gradus.gradebook.queries import challenges_of
from gradus.submissions.models import Score, Submission

# Who is stuck has made this many graded attempts one after the other without a higher score, and has not passed.
STUCK = 5
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Stuck:
    """`since` is the number of attempts after the last one that brought a higher score."""

    member: Member
    challenge: Challenge
    attempts: int
    since: int
    best: float


@dataclass(frozen=True)
class Loss:
    """How many have begun a challenge and passed it. `tries` is the median number of attempts until passing."""

    challenge: Challenge
    begun: int
    passed: int
    tries: float | None
    lost: tuple[Member, ...]

    @property
    def percent(self) -> int:
        """Of those who have begun, how many percent have not passed."""
        return round(100 * len(self.lost) / self.begun)


@dataclass(frozen=True)
class Week:
    """What happened in seven days: attempts, learners who made one, first passes, and people who joined."""

    attempts: int = 0
    active: int = 0
    passes: int = 0
    joined: int = 0


@dataclass(frozen=True)
class Progress:
    learners: int
    not_begun: tuple[Member, ...]
    stuck: tuple[Stuck, ...]
    losses: tuple[Loss, ...]
    untouched: tuple[Challenge, ...]
    week: Week
    week_before: Week


@dataclass
class _Work:
    """The attempts of one learner at one challenge.

    `graded` counts those with a grade, and `since` those of them after the first one with the highest score. `tries`
    is the number of graded attempts until the first pass.
    """

    graded: int = 0
    best: float = 0.0
    since: int = 0
    tries: int | None = None
    passed_at: datetime | None = None


Works = Mapping[tuple[int, int], _Work]


def progress(of_class: Class, label: Label | None = None, at: datetime | None = None) -> Progress:
    """Returns how the learners of a class, or those with the label, are doing, in a fixed number of queries."""
    at = at or timezone.now()
    found = of_class.members.active().learners().select_related("user", "of_class").by_name()
    members = list(found.filter(labels=label) if label is not None else found)
    challenges = challenges_of(of_class)
    works = _works(of_class, members, challenges)
    begun = {user for user, _challenge in works}
    return Progress(
        len(members),
        tuple(one for one in members if one.user_id not in begun),
        tuple(_stuck(members, challenges, works)),
        tuple(_losses(members, challenges, works)),
        tuple(one for one in challenges if one.pk not in {challenge for _user, challenge in works}),
        _week(of_class, members, challenges, works, at - WEEK),
        _week(of_class, members, challenges, works, at - 2 * WEEK),
    )


def _attempts(of_class: Class, members: Iterable[Member], challenges: Iterable[Challenge]) -> QuerySet[Submission]:
    users = {one.user_id for one in members if one.user_id is not None}
    return Submission.objects.filter(of_class=of_class, user__in=users, challenge__in=challenges).order_by()


def _works(of_class: Class, members: Iterable[Member], challenges: Iterable[Challenge]) -> Works:
    """Returns what everybody who has begun did. Of a million attempts, the database returns two for each cell."""
    begun = _attempts(of_class, members, challenges).values_list("user_id", "challenge_id").distinct()
    works = {key: _Work() for key in begun}
    made = "evaluation__submission__"
    users, places = {user for user, _challenge in works}, {challenge for _user, challenge in works}
    graded = Score.objects.current().filter(
        **{f"{made}of_class": of_class, f"{made}user__in": users, f"{made}challenge__in": places}
    )
    cell = [F(f"{made}user_id"), F(f"{made}challenge_id")]
    in_order = [F(f"{made}created_at"), F(f"{made}id")]
    # The first with the highest score, and the first that passed.
    is_passed = Q(passed=True, provisional=False)
    deciding = graded.annotate(
        place=Window(RowNumber(), partition_by=cell, order_by=in_order),
        count=Window(Count("pk"), partition_by=cell),
        by_score=Window(RowNumber(), partition_by=cell, order_by=[F("shown").desc(), *in_order]),
        first_pass=Window(Min(Case(When(is_passed, then=f"{made}created_at"))), partition_by=cell),
    ).filter(Q(by_score=1) | (is_passed & Q(first_pass=F(f"{made}created_at"))))
    names = ("place", "count", "by_score", "shown", "passed", "provisional", "first_pass")
    rows = deciding.order_by("place").values_list(f"{made}user_id", f"{made}challenge_id", *names)
    for user, challenge, place, count, by_score, shown, passed, provisional, first_pass in rows:
        work = works[user, challenge]
        work.graded = count
        if by_score == 1:
            # A score of zero is no gain over having none.
            work.best, work.since = shown, count - place if shown else count
        if passed and not provisional and work.tries is None:
            work.tries, work.passed_at = place, first_pass
    return works


def _stuck(members: Sequence[Member], challenges: Sequence[Challenge], works: Works) -> Iterable[Stuck]:
    """Returns who is stuck where, those first who have tried most since."""
    found = []
    for member in members:
        for challenge in challenges:
            work = works.get((member.user_id or 0, challenge.pk))
            if work is not None and work.tries is None and work.since >= STUCK:
                found.append(Stuck(member, challenge, work.graded, work.since, work.best))
    return sorted(found, key=lambda one: -one.since)


def _losses(members: Sequence[Member], challenges: Sequence[Challenge], works: Works) -> Iterable[Loss]:
    """Returns each challenge that somebody has begun, those first that most have begun and not passed."""
    found = []
    for challenge in challenges:
        of_it = {one: works[key] for one in members if (key := (one.user_id or 0, challenge.pk)) in works}
        tries = [work.tries for work in of_it.values() if work.tries is not None]
        lost = tuple(one for one, work in of_it.items() if work.tries is None)
        if of_it:
            found.append(Loss(challenge, len(of_it), len(tries), median(tries) if tries else None, lost))
    return sorted(found, key=lambda one: -len(one.lost))


def _week(
    of_class: Class, members: Sequence[Member], challenges: Iterable[Challenge], works: Works, begin: datetime
) -> Week:
    """Returns what happened in the seven days from `begin` on."""
    end = begin + WEEK
    made = _attempts(of_class, members, challenges).filter(created_at__gte=begin, created_at__lt=end)
    passes = sum(one.passed_at is not None and begin <= one.passed_at < end for one in works.values())
    joined = sum(begin <= one.joined_at < end for one in members)
    counted = made.aggregate(attempts=Count("pk"), active=Count("user", distinct=True))
    return Week(**counted, passes=passes, joined=joined)
