"""What the judge costs, for staff: known costs are summed by currency, unknown ones counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client
from pytest_django.fixtures import Settings

from graders.base import Judged
from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.reviews import spending
from gradus.reviews.judge_store import Store
from tests import factories
from tests.markup import Markup
from tests.reviews.test_judging import RECORD
from tests.reviews.test_pages import teacher as teacher

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def spent(ada: User, explain: Challenge, settings: Settings) -> None:
    settings.JUDGE_TOKENS = {"user": 1000, "challenge": 10_000, "site": 10_000}
    settings.JUDGE_MONEY = {"user": None, "challenge": None, "site": 1_000_000}
    priced = replace(RECORD, cost_micros=1_500, currency="USD")
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False):
        Store(factories.submit(ada, "explain", factories.FREE_TEXT).current, Judged).log(priced)
    with time_machine.travel(NOW, tick=False):
        store = Store(factories.submit(ada, "explain", factories.FREE_TEXT).current, Judged)
        store.reserve(500, 900_000)
        for record in (priced, priced, replace(RECORD, model="judge-2", problem="unusable (length)")):
            store.log(record)


def test_costs_are_summed_and_unknown_ones_counted(spent: None) -> None:
    day, week, _ = spending.by_period(NOW)
    assert (day.calls, day.unusable, day.sent, day.received, day.unpriced) == (3, 1, 2700, 300, 1)
    assert day.costs == [("USD", 0.003)]
    assert (week.calls, week.costs) == (4, [("USD", 0.0045)])
    assert [(row.name, row.calls) for row in spending.by_model(NOW)] == [("judge-1", 3), ("judge-2", 1)]


def test_budgets_of_today_the_sites_first_then_the_most_used_up(spent: None, ada: User) -> None:
    with time_machine.travel(NOW, tick=False):
        found = spending.budgets()
    assert [one.scope for one in found] == ["site", f"user:{ada.pk}", "challenge:explain"]
    assert (found[0].money, found[0].money_allowed, found[0].tokens) == (0.9, 1.0, 500)
    assert [round(one.share, 2) for one in found] == [0.9, 0.5, 0.05]


def test_staff_read_it(spent: None, grace_client: Client) -> None:
    with time_machine.travel(NOW, tick=False):
        grace_client.force_login(User.objects.get(username="grace"))
        text = Markup(grace_client.get("/reviews/judge/").content.decode())
    assert '3 calls in the last 24 hours. Cost: 0.0030&nbsp;<span lang="">USD</span>; 1 call of unknown cost.' in text
    assert "0.9000 of 1.00" in text and "500 of 1,000" in text


def test_it_is_not_there_for_others(ada_client: Client, teacher: Client, course: Course) -> None:
    assert ada_client.get("/reviews/judge/").status_code == 404
    assert teacher.get("/reviews/judge/").status_code == 404
    assert "/reviews/judge/" not in Markup(teacher.get("/reviews/").content.decode())
