"""Teachers who change dates, and learners who use granted attempts, at the same moment.

`tests/postgres/test_suites.py` runs it there as well.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Sum
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.classes import access, dates
from gradus.classes.date_rules import Target, seen
from gradus.classes.models import DateRule, Grant
from gradus.classes.policy import Values
from gradus.courses.models import Challenge, Course
from gradus.refusal import Refused
from gradus.submissions.budgets import limits
from gradus.submissions.models import Slot, Submission
from tests import factories
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def done(work) -> str:
    try:
        work()
    except Refused as refused:
        return refused.code
    return "done"


def test_of_teachers_who_saw_the_same_one_saves(transactional_db: None, course: Course, grace: User) -> None:
    factories.enrol(grace, course, factories.TEACHER)
    evening = factories.a_class(course)
    for rounds in range(1, 4):
        before = seen(Target(evening).rule())

        def save(number: int, before: str = before, rounds: int = rounds) -> str:
            values = Values(after=(10 * rounds + number) / 100)
            return done(lambda: dates.set_dates(Target(evening), values, by=grace, seen=before))

        assert sorted(at_once(save, 4)) == [*["changed_meanwhile"] * 3, "done"]
        assert DateRule.objects.get().after * 100 // 10 == rounds
    assert StaffAction.objects.filter(what="dates_changed").count() == 3


def test_extensions_of_one_member_at_once_leave_the_latest(
    transactional_db: None, course: Course, ada: User, grace: User
) -> None:
    factories.enrol(grace, course, factories.TEACHER)
    evening, now = factories.a_class(course), timezone.now()
    ann = factories.member(evening, ada)
    DateRule.objects.create(of_class=evening, due_at=now)

    def more(number: int) -> str:
        until = now + (number + 1) * DAY
        return done(lambda: dates.extend(evening, [ann], by=grace, until=until, reason=f"reason {number}"))

    assert at_once(more, 5) == ["done"] * 5
    rule = DateRule.objects.get(member=ann)
    assert (rule.extended_to, rule.reason) == (now + 5 * DAY, "reason 4")
    assert access.decision_for(ada, Challenge.objects.first(), now, ann).due_at == now + 5 * DAY


def test_no_more_attempts_are_used_than_were_granted(
    transactional_db: None, ada: User, sea_or_sky: Challenge, settings
) -> None:
    settings.IN_FLIGHT = 100
    evening = factories.a_class(sea_or_sky.course)
    Grant.objects.create(member=factories.member(evening, ada), challenge=sea_or_sky, attempts=2, reason="ill")
    most = sea_or_sky.spec.limits.attempts_per_day
    said = at_once(lambda number: done(lambda: factories.submit(ada)), most + 5)
    assert sorted(said) == sorted(["done"] * (most + 2) + ["over_quota"] * 3)
    assert Submission.objects.count() == most + 2
    assert sorted(Slot.objects.of(limits.GRANTED_ATTEMPTS).values_list("number", flat=True)) == [1, 2]


def test_attempts_are_either_used_or_withdrawn(
    transactional_db: None, course: Course, ada: User, grace: User, sea_or_sky: Challenge, settings
) -> None:
    settings.IN_FLIGHT = 100
    factories.enrol(grace, course, factories.TEACHER)
    evening = factories.a_class(course)
    ann = factories.member(evening, ada)
    for _attempt in range(sea_or_sky.spec.limits.attempts_per_day):
        factories.submit(ada)
    for rounds in range(1, 4):
        given = {"by": grace, "challenge": sea_or_sky, "attempts": 1, "reason": "ill"}
        [granted] = dates.grant(evening, [ann], **given)

        def work(number: int, granted: Grant = granted) -> str:
            if number % 2:
                return done(lambda: dates.withdraw(granted, by=grace, reason="a mistake"))
            return done(lambda: factories.submit(ada))

        said = sorted(at_once(work, 4))
        assert said in (["changed_meanwhile", "done", "over_quota", "over_quota"],
                        ["attempts_used", "attempts_used", "done", "over_quota"]), rounds  # fmt: skip
        kept = Grant.objects.in_force().aggregate(all=Sum("attempts", default=0))["all"]
        assert Slot.objects.of(limits.GRANTED_ATTEMPTS).count() == kept
