"""Ranks after decisions in any order, against an oracle that computes them from all rows anew each time."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.gradebook import cells
from gradus.gradebook.models import Cell
from gradus.leaderboards import boards
from gradus.own_data import merging
from gradus.refusal import Refused
from gradus.reviews import services as reviews
from gradus.submissions import services
from gradus.submissions.models import Annulment, Mark, Season, Slot, Submission
from gradus.submissions.results import board_decisions as decisions
from gradus.submissions.results.standings import differences
from tests import factories
from tests.deleted import delete
from tests.leaderboards import single_rows

SCORES = (0.3, 0.5, 0.7, 0.9)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["submit", "submit", "hide", "restore", "annul", "end", "regrade", "again", "season", "merge", "delete"]
        ),
        st.integers(0, 3),
        st.sampled_from(SCORES),
    ),
    min_size=4,
    max_size=14,
)


def oracle(crowd: Crowd) -> list[tuple[int, str, float]]:
    """Returns (rank, name, score) of everybody, from single grades and what the crowd has done: of the season, not
    annulled, not hidden, of the person who is behind the account that handed the attempt in.
    """
    season = max((one.number for one in Season.objects.filter(challenge=crowd.challenge)), default=0)
    best: dict[User, tuple[float, Any]] = {}
    for attempt in Submission.objects.filter(challenge=crowd.challenge, season=season):
        user = crowd.person(crowd.handed_in[attempt.pk])
        decided = [one for one in attempt.annulments.all() if one.ended_at is None]
        score = getattr(attempt.evaluations.get(is_current=True), "score", None)
        if decided or user in crowd.hidden or score is None:
            continue
        found = (-score.shown, score.created_at)
        best[user] = min(best.get(user, found), found)
    order = sorted(best.items(), key=lambda item: item[1])
    shown = [-score for _user, (score, _at) in order]
    return [(1 + sum(one > -score for one in shown), crowd.name(user), -score) for user, (score, _at) in order]


class Crowd:
    """Learners of a class, and what can happen to their entries. What is refused changes nothing.

    It keeps by itself who handed in what, whose account is whose, who is hidden and who is deleted.
    """

    def __init__(self, challenge: Challenge, teacher: User) -> None:
        self.challenge, self.teacher = challenge, teacher
        self.users = [factories.UserFactory.create() for _ in range(4)]
        self.of_class = factories.a_class(challenge.course)
        for user in self.users:
            factories.member(self.of_class, user)
        self.handed_in: dict[int, User] = {}
        self.into: dict[User, User] = {}
        self.hidden: set[User] = set()
        self.deleted: set[User] = set()

    def person(self, user: User) -> User:
        return self.person(self.into[user]) if user in self.into else user

    def name(self, user: User) -> str:
        return "Deleted account" if user in self.deleted else user.pseudonym

    def submit(self, user: User, score: float) -> None:
        Slot.objects.all().delete()
        made = factories.submit(user)
        factories.grade(made, score)
        self.handed_in[made.pk] = user

    def hide(self, user: User, score: float) -> None:
        decisions.mark(user, self.challenge, Mark.Kind.HIDDEN, by=self.teacher, reason="Copied")
        self.hidden.add(user)

    def restore(self, user: User, score: float) -> None:
        for mark in Mark.objects.hidings().filter(user=user):
            decisions.end_mark(mark, by=self.teacher)
            self.hidden.discard(user)

    def annul(self, user: User, score: float) -> None:
        if (attempt := Submission.objects.filter(user=user).order_by("pk").last()) is not None:
            decisions.annul(attempt, by=self.teacher, reason="Copied")

    def end(self, user: User, score: float) -> None:
        for annulment in Annulment.objects.filter(submission__user=user):
            decisions.end_annulment(annulment, by=self.teacher)

    def regrade(self, user: User, score: float) -> None:
        if (attempt := Submission.objects.filter(user=user).order_by("pk").first()) is not None:
            services.regrade(attempt)
            single_rows.work_off(score)

    def again(self, user: User, score: float) -> None:
        """All attempts of the learner are graded again, and the new grades count."""
        regrade = reviews.regrade_learner(user, self.challenge, by=self.teacher, reason="Again")
        for _ in regrade.items.all():
            single_rows.work_off(score)
        reviews.approve(regrade, by=self.teacher, lower=True)

    def merge(self, user: User, score: float) -> None:
        """Merges another account into this one, with all that it has hidden, annulled and reached in each season."""
        other = self.users[self.users.index(user) - 1]
        merging.consent(merging.ask(user, other), by=other)
        self.into[other] = user
        self.hidden |= {user} & {self.person(one) for one in self.hidden}

    def delete(self, user: User, score: float) -> None:
        if delete(user):
            self.deleted.add(user)

    def season(self, user: User, score: float) -> None:
        decisions.begin_season(self.challenge, "Another", by=self.teacher)


@pytest.mark.django_db
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_ranks_are_those_of_an_oracle_after_each_step(
    sea_or_sky: Challenge, teacher: User, steps: list[tuple[str, int, float]]
) -> None:
    with transaction.atomic():
        crowd = Crowd(sea_or_sky, teacher)
        for name, who, score in steps:
            if not User.objects.filter(pk=crowd.users[who].pk).exists():
                # It was merged into an account that was deleted since.
                continue
            # The database refuses what a deleted account would hand in or have graded.
            with suppress(Refused, IntegrityError), transaction.atomic():
                getattr(crowd, name)(crowd.users[who], score)
            shown = [(row.rank, row.pseudonym, row.score) for row in boards.board(sea_or_sky, "prompt", None).rows]
            assert shown == oracle(crowd), (name, who)
            assert not differences() and not cells.differences(crowd.of_class)
            counted = sum(Cell.objects.of_class(crowd.of_class).values_list("attempts", flat=True))
            annulled = Annulment.objects.filter(ended_at=None).count()
            assert counted == len(crowd.handed_in) - annulled, (name, who)
        transaction.set_rollback(True)
