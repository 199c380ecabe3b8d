"""What must not be is counted at once where it ended lately, and everywhere every ten minutes; an alert stays."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reconciling import invariants
from gradus.submissions.models import Evaluation, Score, Slot
from tests import factories


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(invariants, "monotonic", lambda: clock.now)
    return clock


def without_score(user: User, *, ended: timedelta = timedelta()) -> Evaluation:
    evaluation = factories.grade(factories.submit(user))
    Score.objects.filter(evaluation=evaluation).delete()
    Evaluation.objects.filter(pk=evaluation.pk).update(finished_at=timezone.now() - ended)
    return evaluation


def test_what_has_ended_lately_is_seen_in_each_round(
    ada: User, bob: User, sea_or_sky: Challenge, clock: SimpleNamespace
) -> None:
    check = invariants.Round()
    assert check() == {}
    without_score(ada)
    submission = factories.grade(factories.submit(bob)).submission
    Slot.objects.create(limit="open_submissions", user=bob, number=1, allowed=2, submission=submission)
    Evaluation.objects.filter(submission=submission).update(is_current=False)
    assert check() == {"in_flight_without_open": 1, "scored_without_score": 1, "without_current": 1}
    assert check() == invariants.lately() == invariants.everywhere()


def test_what_ended_long_ago_is_seen_at_a_start_and_every_ten_minutes_until_it_is_mended(
    ada: User, sea_or_sky: Challenge, clock: SimpleNamespace
) -> None:
    check = invariants.Round()
    assert check() == {}
    evaluation = without_score(ada, ended=timedelta(days=3))
    clock.now += invariants.EVERY_SECONDS - 1
    assert (check(), invariants.Round()()) == ({}, {"scored_without_score": 1})
    clock.now += 1
    for _ in range(3):
        assert check() == {"scored_without_score": 1}
        clock.now += 10
    Evaluation.objects.filter(pk=evaluation.pk).update(state="failed")
    assert check() == {}
    assert timedelta(seconds=invariants.EVERY_SECONDS) < invariants.LATELY, "nothing can end unseen between two counts"
