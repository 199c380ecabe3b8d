"""How a class is doing: who has not begun, who is stuck, which challenges lose people, and what the last week brought.

Only attempts for this class count, of those who learn in it now, whether or not their grades are released.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

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
    week: Week
    week_before: Week


@dataclass
class _Work:
    """The attempts of one learner at one challenge, in their order."""

    attempts: int = 0
    graded: int = 0
    best: float = 0.0
    since: int = 0
    tries: int | None = None
    passed_at: datetime | None = None
    times: list[datetime] = field(default_factory=list)

    def add(self, at: datetime, score: tuple[float, bool] | None) -> None:
        self.attempts += 1
        self.times.append(at)
        if score is None:
            return
        shown, passed = score
        self.graded += 1
        self.best, self.since = (shown, 0) if shown > self.best else (self.best, self.since + 1)
        if passed and self.tries is None:
            self.tries, self.passed_at = self.graded, at


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
        _week(members, works, at - WEEK, at),
        _week(members, works, at - 2 * WEEK, at - WEEK),
    )


def _works(of_class: Class, members: Iterable[Member], challenges: Iterable[Challenge]) -> Works:
    users = {one.user_id for one in members if one.user_id is not None}
    shown = {one.pk for one in challenges}
    scores = Score.objects.current().filter(evaluation__submission__of_class=of_class)
    scored = {
        pk: (score, passed) for pk, score, passed in scores.values_list("evaluation__submission", "shown", "passed")
    }
    attempts = Submission.objects.filter(of_class=of_class).order_by("created_at", "pk")
    works: dict[tuple[int, int], _Work] = defaultdict(_Work)
    for pk, user, challenge, made in attempts.values_list("pk", "user_id", "challenge_id", "created_at").iterator():
        if user in users and challenge in shown:
            works[user, challenge].add(made, scored.get(pk))
    return dict(works)


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


def _week(members: Iterable[Member], works: Works, begin: datetime, end: datetime) -> Week:
    """Returns what happened from `begin` on and before `end`."""
    attempts, active, passes = 0, set(), 0
    for (user, _challenge), work in works.items():
        made = sum(begin <= one < end for one in work.times)
        attempts += made
        if made:
            active.add(user)
        passes += work.passed_at is not None and begin <= work.passed_at < end
    return Week(attempts, len(active), passes, sum(begin <= one.joined_at < end for one in members))
