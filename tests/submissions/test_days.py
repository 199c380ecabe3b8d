"""Limits by day follow the course's midnight: east and west of Greenwich, and on the days when clocks are changed."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from pytest_django.fixtures import Settings

from graders.base import Judged
from gradus.accounts.models import User
from gradus.courses import days
from gradus.courses.models import Challenge, Course
from gradus.reviews import spending
from gradus.reviews.judge_store import Store
from gradus.reviews.models import Budget
from gradus.submissions import services
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Slot
from gradus.submissions.services import Refused
from tests import factories

AUCKLAND, LOS_ANGELES = "Pacific/Auckland", "America/Los_Angeles"
# The zone, the moment of a midnight there in UTC, the day that begins, and the hours of the day that ends with it.
MIDNIGHTS = [
    pytest.param(AUCKLAND, datetime(2026, 11, 26, 11, tzinfo=UTC), date(2026, 11, 27), 24, id="auckland"),
    # Clocks went forward at 2 h on the 27th, and back at 3 h on the 4th: both midnights end such a day.
    pytest.param(AUCKLAND, datetime(2026, 9, 27, 11, tzinfo=UTC), date(2026, 9, 28), 23, id="auckland-spring"),
    pytest.param(AUCKLAND, datetime(2027, 4, 4, 12, tzinfo=UTC), date(2027, 4, 5), 25, id="auckland-autumn"),
    pytest.param(LOS_ANGELES, datetime(2026, 11, 27, 8, tzinfo=UTC), date(2026, 11, 27), 24, id="los-angeles"),
    pytest.param(LOS_ANGELES, datetime(2026, 11, 2, 8, tzinfo=UTC), date(2026, 11, 2), 25, id="los-angeles-autumn"),
    pytest.param(LOS_ANGELES, datetime(2027, 3, 15, 7, tzinfo=UTC), date(2027, 3, 15), 23, id="los-angeles-spring"),
    pytest.param("UTC", datetime(2026, 11, 27, tzinfo=UTC), date(2026, 11, 27), 24, id="utc"),
]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def challenge(sea_or_sky: Challenge, zone: str) -> Challenge:
    Course.objects.update(timezone=zone)
    return factories.challenge("sea-or-sky")


def cancelled_running(user: User) -> str:
    """A running attempt that its learner cancels; returns whether it was given back."""
    submission, _ = services.submit(
        user, factories.challenge("sea-or-sky"), factories.PROMPT, idempotency_key=uuid.uuid4().hex
    )
    factories.claimed(submission)
    return services.cancel(submission).error_code


@pytest.mark.parametrize(("zone", "midnight", "day", "hours"), MIDNIGHTS)
def test_cancelled_attempts_are_given_back_twice_in_a_day_of_the_course(
    ada: User, challenge: Challenge, midnight: datetime, day: date, hours: int
) -> None:
    """At noon UTC too, so that what was counted in UTC's days is found to be counted otherwise."""
    with time_machine.travel(midnight - timedelta(hours=hours), tick=False) as clock:
        given = [cancelled_running(ada)]
        clock.move_to(midnight - MINUTE)
        given += [cancelled_running(ada), cancelled_running(ada)]
        clock.move_to(midnight)
        given += [cancelled_running(ada)]
        clock.move_to(midnight + timedelta(hours=22))
        given += [cancelled_running(ada), cancelled_running(ada)]
    back, late = "cancelled", "cancelled_late"
    assert given == [back, back, late, back, back, late]
    taken = Slot.objects.of(limits.CANCELLED_RUNNING).order_by("period", "number").values_list("period", "number")
    before, after = str(day - timedelta(days=1)), str(day)
    assert list(taken) == [(before, 1), (before, 2), (after, 1), (after, 2)]


@pytest.mark.parametrize(("zone", "midnight", "day", "hours"), MIDNIGHTS)
def test_attempts_come_back_at_the_courses_midnight_as_the_refusal_says(
    ada: User, challenge: Challenge, midnight: datetime, day: date, hours: int
) -> None:
    allowed, use = challenge.spec.limits.attempts_per_day, Use(user=ada, challenge=challenge)
    with time_machine.travel(midnight - timedelta(hours=hours) + MINUTE, tick=False) as clock:
        for _ in range(allowed):
            factories.grade(factories.submit(ada))
        with pytest.raises(Refused) as refused:
            factories.submit(ada)
        assert refused.value.retry_after == hours * 3600 - 60
        clock.move_to(midnight - MINUTE)
        assert (slots.left(limits.ATTEMPTS, use), days.seconds_to_midnight(challenge.lesson.course.timezone)) == (0, 60)
        clock.move_to(midnight)
        assert slots.left(limits.ATTEMPTS, use) == allowed
        made = factories.submit(ada)
    assert Slot.objects.of(limits.ATTEMPTS).get(submission=made).period == str(day)
    assert Slot.objects.of(limits.ATTEMPTS).filter(period=str(day - timedelta(days=1))).count() == allowed


@pytest.mark.parametrize(("zone", "midnight", "day", "hours"), MIDNIGHTS)
def test_a_judges_budget_of_a_learner_and_a_question_begins_anew_at_the_courses_midnight(
    ada: User, challenge: Challenge, settings: Settings, midnight: datetime, day: date, hours: int
) -> None:
    settings.JUDGE_TOKENS = {"user": 100, "challenge": 100, "site": 1000}
    store = Store(factories.submit(ada, "explain", factories.FREE_TEXT).current, Judged)
    with time_machine.travel(midnight - MINUTE, tick=False) as clock:
        assert store.reserve(100)
        clock.move_to(midnight + MINUTE)
        # What was reserved before midnight is settled on the day before.
        store.settle(100, 90)
        assert store.reserve(60) and not store.reserve(60)
        shown = {one.scope: one.tokens for one in spending.budgets() if one.scope != "site"}
    learner = f"user:{ada.pk}"
    assert shown == {learner: 60, "challenge:explain": 60}
    before = day - timedelta(days=1)
    for scope in (learner, "challenge:explain"):
        found = Budget.objects.filter(scope=scope).order_by("day")
        assert list(found.values_list("day", "spent")) == [(before, 90), (day, 60)]


def test_the_sites_budget_has_the_sites_own_day(ada: User, sea_or_sky: Challenge, settings: Settings) -> None:
    """It bounds what all courses spend together, wherever they are."""
    Course.objects.update(timezone=AUCKLAND)
    store = Store(factories.submit(ada, "explain", factories.FREE_TEXT).current, Judged)
    with time_machine.travel(datetime(2026, 11, 26, 23, tzinfo=UTC), tick=False):
        assert store.reserve(10)
    assert dict(Budget.objects.values_list("scope", "day")) == {
        "site": date(2026, 11, 26),
        "challenge:explain": date(2026, 11, 27),
        f"user:{ada.pk}": date(2026, 11, 27),
    }


def test_no_other_code_takes_a_date_from_a_clock() -> None:
    """A limit by day that asks elsewhere would have another midnight."""
    from django.conf import settings

    words = ("__date", ".date()", "date.today", "localdate", "TruncDay", "TruncDate")
    roots = [settings.BASE_DIR / name for name in ("platform", "challenges", "graders", "workers")]
    found = [
        f"{path.relative_to(settings.BASE_DIR)}: {word}"
        for root in roots
        for path in root.rglob("*.py")
        for word in words
        if word in path.read_text()
    ]
    assert found == ["platform/gradus/courses/days.py: .date()"]
