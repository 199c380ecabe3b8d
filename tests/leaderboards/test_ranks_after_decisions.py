"""Ranks after decisions in any order, against an oracle that computes them from all rows anew each time."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.leaderboards import boards
from gradus.refusal import Refused
from gradus.submissions import services
from gradus.submissions.models import Annulment, Mark, Season, Slot, Submission
from gradus.submissions.services import boards as decisions
from gradus.submissions.services.standings import differences
from tests import factories

SCORES = (0.3, 0.5, 0.7, 0.9)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["submit", "submit", "hide", "restore", "annul", "end", "regrade", "season"]),
        st.integers(0, 2),
        st.sampled_from(SCORES),
    ),
    min_size=4,
    max_size=12,
)


@pytest.fixture
def teacher(sea_or_sky: Challenge) -> User:
    made = factories.UserFactory.create(username="turing", email="turing@example.org", pseudonym="teacher")
    factories.enrol(made, sea_or_sky.course, factories.TEACHER)
    return made


def oracle(challenge: Challenge) -> list[tuple[int, str, float]]:
    """Returns (rank, name, score) of everybody, from single rows alone: of the season, not annulled, not hidden."""
    season = max((one.number for one in Season.objects.filter(challenge=challenge)), default=0)
    best: dict[User, tuple[float, Any]] = {}
    for attempt in Submission.objects.filter(challenge=challenge, season=season).select_related("user"):
        decided = [one for one in attempt.annulments.all() if one.ended_at is None]
        hidden = [
            one
            for one in Mark.objects.filter(user=attempt.user, challenge=challenge, kind="hidden")
            if one.ended_at is None
        ]
        score = getattr(attempt.evaluations.get(is_current=True), "score", None)
        if decided or hidden or score is None:
            continue
        found = (-score.shown, score.created_at)
        best[attempt.user] = min(best.get(attempt.user, found), found)
    order = sorted(best.items(), key=lambda item: item[1])
    shown = [-score for _user, (score, _at) in order]
    return [(1 + sum(one > -score for one in shown), user.pseudonym, -score) for user, (score, _at) in order]


class Crowd:
    """Three learners and what can happen to their entries. What is refused changes nothing."""

    def __init__(self, challenge: Challenge, teacher: User) -> None:
        self.challenge, self.teacher = challenge, teacher
        self.users = [factories.UserFactory.create() for _ in range(3)]

    def submit(self, user: User, score: float) -> None:
        Slot.objects.all().delete()
        factories.grade(factories.submit(user), score)

    def hide(self, user: User, score: float) -> None:
        decisions.mark(user, self.challenge, Mark.Kind.HIDDEN, by=self.teacher, reason="Copied")

    def restore(self, user: User, score: float) -> None:
        for mark in Mark.objects.hidings().filter(user=user):
            decisions.end_mark(mark, by=self.teacher)

    def annul(self, user: User, score: float) -> None:
        if (attempt := Submission.objects.filter(user=user).order_by("pk").last()) is not None:
            decisions.annul(attempt, by=self.teacher, reason="Copied")

    def end(self, user: User, score: float) -> None:
        for annulment in Annulment.objects.filter(submission__user=user):
            decisions.end_annulment(annulment, by=self.teacher)

    def regrade(self, user: User, score: float) -> None:
        if (attempt := Submission.objects.filter(user=user).order_by("pk").first()) is not None:
            again = services.regrade(attempt)
            claimed = services.claim(again.lane, worker="worker-1", profile="cpu/float32/1")
            assert claimed == again
            outcome = services.Outcome(score=score, result=factories.result_for(attempt))
            services.record(again.pk, claimed.fence, outcome)

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
            with suppress(Refused):
                getattr(crowd, name)(crowd.users[who], score)
            shown = [(row.rank, row.pseudonym, row.score) for row in boards.board(sea_or_sky, "prompt", None).rows]
            assert shown == oracle(sea_or_sky), (name, who)
            assert not differences()
        transaction.set_rollback(True)
