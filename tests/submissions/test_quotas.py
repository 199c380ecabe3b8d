"""Budgets of courses and classes: what they refuse, what counts, and that the database keeps them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from pytest_django.fixtures import Settings

from graders.base import Judged
from gradus.accounts.models import StaffAction, User
from gradus.classes.models import Class, Grant
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.reviews.judge_store import Store
from gradus.submissions import services
from gradus.submissions.budgets import quotas, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.budgets.quotas import Wish, set_budgets
from gradus.submissions.models import Evaluation, Quota, QuotaHold, QuotaUse, Slot, Submission
from tests import factories
from tests.reviews.test_judging import RECORD

What, Period = Quota.What, Quota.Period


@pytest.fixture
def longest(course: Course, settings: Settings) -> int:
    """The longest time of a training of the challenge `ticket`, in seconds."""
    settings.IN_FLIGHT = 4
    ticket = factories.challenge("ticket")
    return quotas.training_seconds(Submission(challenge=ticket, kind="tune"))


@pytest.fixture
def evening(course: Course, ada: User) -> Class:
    made = factories.a_class(course)
    factories.member(made, ada)
    return made


def train(user: User) -> Submission:
    return factories.submit(user, "ticket", factories.LORA)


def give(place: Course | Class, what: Quota.What, allowed: int | None, period: Any = Period.DAY, **more: Any) -> int:
    staff = User.objects.filter(is_staff=True).first() or factories.UserFactory.create(is_staff=True)
    return set_budgets(place, [Wish(what, allowed, period)], by=staff, **more)


def state(what: Quota.What, of_class: Class | None = None) -> tuple[int, int, int]:
    found = quotas.states(Course.objects.get().pk, of_class.pk if of_class else None, [what])
    only = next(one for one in found if bool(one.quota.of_class_id) == bool(of_class))
    return only.used, only.held, only.left


# --- attempts ---------------------------------------------------------------------------------------------------


def test_the_smaller_number_of_attempts_decides(ada: User, bob: User, course: Course, evening: Class) -> None:
    give(course, What.ATTEMPTS, 3)
    give(evening, What.ATTEMPTS, 2)
    sea, ticket = factories.challenge("sea-or-sky"), factories.challenge("ticket")
    assert [slots.attempts_left(Use(user=ada, challenge=one, of_class=evening)) for one in (sea, ticket)] == [2, 2]
    for user, allowed, words in ((ada, 2, "Your class allows each learner 2"), (bob, 3, "This course allows each")):
        for number in range(allowed):
            made = factories.submit(user, "sea-or-sky" if number else "ticket", None if number else factories.LORA)
            factories.grade(made)
        with pytest.raises(Refused, match=words) as refused:
            train(user)
        assert (refused.value.code, refused.value.status) == ("over_budget", 429) and refused.value.retry_after
    assert slots.attempts_left(Use(user=ada, challenge=sea, of_class=evening)) == 0
    # A larger budget that is set on the same day counts those of today that had no place in the smaller one.
    Slot.objects.filter(limit="class_attempts", number=2).delete()
    give(evening, What.ATTEMPTS, 3)
    assert slots.attempts_left(Use(user=ada, challenge=sea, of_class=evening)) == 1
    give(evening, What.ATTEMPTS, 2)
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.filter(limit="class_attempts", number=2).update(number=9)


def test_a_granted_attempt_goes_beyond_a_budget_once(ada: User, course: Course, evening: Class) -> None:
    give(evening, What.ATTEMPTS, 1)
    give(course, What.ATTEMPTS, 1)
    sea = factories.challenge("sea-or-sky")
    member = evening.members.get(user=ada)
    Grant.objects.create(member=member, challenge=sea, attempts=1, reason="x", granted_by=ada)
    factories.grade(factories.submit(ada))
    assert slots.attempts_left(Use(user=ada, challenge=sea, of_class=evening)) == 1
    granted = factories.submit(ada)
    assert set(granted.slots.values_list("limit", flat=True)) == {"attempts", "granted_attempts", "open_submissions"}
    services.cancel(granted)
    factories.grade(factories.submit(ada))
    with pytest.raises(Refused, match="Your class allows each learner 1 attempt a day"):
        factories.submit(ada)


# --- training ---------------------------------------------------------------------------------------------------


def test_a_training_that_may_need_more_than_is_left_is_refused_before_it_is_queued(
    ada: User, bob: User, course: Course, evening: Class, longest: int
) -> None:
    give(evening, What.TRAINING, 2 * longest + 59, Period.MONTH)
    first = train(ada)
    assert state(What.TRAINING, evening) == (0, longest, longest + 59)
    second = train(ada)
    before = Submission.objects.count(), Evaluation.objects.count(), Slot.objects.count()
    with pytest.raises(Refused, match=r"of your class “Evening group” is not enough: of .* minutes, 0 are left") as no:
        train(ada)
    assert (no.value.code, no.value.status) == ("training_budget", 429) and no.value.retry_after
    assert "It begins anew on" in no.value.message and "hold a part of it" in no.value.message
    assert (Submission.objects.count(), Evaluation.objects.count(), Slot.objects.count()) == before
    train(bob)
    ended = factories.claimed(first)
    Evaluation.objects.filter(pk=ended.pk).update(started_at=timezone.now() - timedelta(seconds=40))
    services.record(ended.pk, ended.fence, services.Outcome(result={}, score=0.7))
    used, held, _left = state(What.TRAINING, evening)
    assert 40 <= used <= 50 and held == longest
    services.cancel(second)
    assert state(What.TRAINING, evening)[:2] == (used, 0) and not QuotaHold.objects.filter(evaluation=ended).exists()


def test_a_budget_set_later_counts_what_was_used_and_what_is_open_and_stops_nothing(
    ada: User, course: Course, longest: int
) -> None:
    held = factories.claimed(train(ada))
    Evaluation.objects.filter(pk=held.pk).update(started_at=timezone.now() - timedelta(seconds=100))
    services.record(held.pk, held.fence, services.Outcome(result={}, score=0.7))
    running, waiting = train(ada), train(ada)
    claimed = factories.claimed(running)
    give(course, What.TRAINING, 60, Period.WHOLE)
    used, kept, left = state(What.TRAINING)
    assert 100 <= used <= 110 and (kept, left) == (2 * longest, 0)
    assert services.heartbeat(claimed.pk, claimed.fence)
    assert [one.percent >= 100 for one in quotas.nearly_used()] == [True]
    services.record(claimed.pk, claimed.fence, services.Outcome(result={}, score=0.7))
    services.cancel(waiting)
    assert state(What.TRAINING)[1] == 0
    with pytest.raises(Refused, match="It does not begin anew"):
        train(ada)


def test_days_and_months_begin_anew_in_the_zone_of_the_course(course: Course) -> None:
    Course.objects.update(timezone="Pacific/Auckland")
    course.refresh_from_db()
    give(course, What.TRAINING, 60, Period.DAY)
    give(course, What.CALLS, 60, Period.MONTH)
    with time_machine.travel(datetime(2026, 12, 31, 11, 30, tzinfo=UTC), tick=False):
        day, month = Quota.objects.in_force()
        assert (day.running, month.running) == ("2027-01-01", "2027-01-01")
        assert (str(day.begins_anew), str(month.begins_anew)) == ("2027-01-02", "2027-02-01")


# --- the judge --------------------------------------------------------------------------------------------------


def test_calls_beyond_a_budget_are_not_made(ada: User, course: Course, evening: Class) -> None:
    give(evening, What.CALLS, 3)
    give(course, What.MONEY, 1_000_000, Period.WHOLE)
    store = Store(factories.submit(ada, "explain", factories.FREE_TEXT).current, Judged)
    assert store.limits_money() and store.reserve(10, 400_000)
    assert state(What.CALLS, evening) == (0, 2, 1) and state(What.MONEY) == (0, 400_000, 600_000)
    store.log(replace(RECORD, cost_micros=150_000, currency="USD"))
    store.settle(10, 5, 400_000, 150_000)
    assert state(What.CALLS, evening) == (1, 0, 2) and state(What.MONEY) == (150_000, 0, 850_000)
    assert store.reserve(10, 900_000) is False
    assert state(What.CALLS, evening) == (1, 0, 2) and state(What.MONEY) == (150_000, 0, 850_000)
    assert store.reserve(10, 100) and store.reserve(10, 100) is False
    # Its worker dies here, and the attempt ends otherwise.
    services.cancel(Submission.objects.get(evaluations=store.evaluation))
    assert state(What.CALLS, evening) == (1, 0, 2) and not QuotaHold.objects.exists()
    give(evening, What.CALLS, 1, Period.WHOLE)
    give(course, What.MONEY, 100_000)
    assert state(What.CALLS, evening) == (1, 0, 0) and state(What.MONEY) == (150_000, 0, 0)


# --- setting ----------------------------------------------------------------------------------------------------


def test_an_owner_sets_them_and_the_log_says_so(ada: User, bob: User, course: Course, evening: Class) -> None:
    factories.enrol(bob, course, factories.AUTHOR)
    for person, error in ((ada, Http404), (bob, Refused)):
        with pytest.raises(error):
            set_budgets(course, [Wish(What.CALLS, 5)], by=person)
    assert give(evening, What.CALLS, 5, seen="") == 1 and give(evening, What.CALLS, 5) == 0
    with pytest.raises(Refused) as refused:
        give(evening, What.CALLS, 6, seen="")
    assert refused.value.code == "changed_meanwhile"
    with pytest.raises(Refused, match="smaller number"):
        give(evening, What.CALLS, 10**16)
    assert give(evening, What.CALLS, None) == 1 and not Quota.objects.in_force().exists()
    set_, removed = StaffAction.objects.filter(what="budget_set").order_by("pk")
    assert (set_.details["before"], set_.details["after"]) == ({}, {"calls": "5 each day"})
    assert removed.details == {"class": evening.pk, "before": {"calls": "5 each day"}, "after": {}}


def test_the_database_keeps_a_budget(ada: User, course: Course, longest: int) -> None:
    give(course, What.TRAINING, longest + 10)
    train(ada)
    use = QuotaUse.objects.filter(quota__ended_at=None)
    for wrong in ({"held": longest + 11}, {"used": 11, "held": longest + 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            use.update(**wrong)
    use.update(used=10**6)
    changes: list[dict[str, Any]] = [{"allowed": 10**9}, {"period": "whole"}, {"what": "calls"}]
    for change in changes:
        with pytest.raises(IntegrityError), transaction.atomic():
            Quota.objects.update(**change)
    give(course, What.TRAINING, None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Quota.objects.update(ended_at=None)


def test_health_says_that_a_budget_is_nearly_used(course: Course, grace_client: Any) -> None:
    give(course, What.CALLS, 10)
    QuotaUse.objects.update(used=7)
    assert quotas.nearly_used() == []
    QuotaUse.objects.update(used=8)
    assert "Budgets that are nearly used up" in grace_client.get("/admin/health/").content.decode()
