"""The page of a class: saving one setting changes no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gradus.accounts.models import StaffAction
from tests import factories

BEGIN = datetime(2026, 11, 29, 18, 39, 45, 840_000, tzinfo=UTC)
# Clocks are put back: 02:30 occurs twice, and this is the first time.
END = datetime(2027, 10, 31, 0, 30, 15, tzinfo=UTC)


@pytest.fixture
def evening(course):
    steps = [{"from": 1 / 3, "points": 0.5}, {"from": 0.9, "points": 1.0}]
    given = {"begins_at": BEGIN, "ends_at": END, "timezone": "Europe/Vienna", "points": "steps", "steps": steps}
    return factories.a_class(course, **given)


def as_sent(form):
    """What a browser sends of a form that nobody has edited."""
    fields = {one.name: one.value() for one in form}
    times = {name: f"{value:%Y-%m-%dT%H:%M}" for name, value in fields.items() if isinstance(value, datetime)}
    return {**fields, **times}


def test_saving_the_leaderboard_changes_nothing_else(grace, grace_client, evening):
    address = f"/teach/classes/{evening.pk}/"
    given = as_sent(grace_client.get(address).context["form"])
    before = {name: getattr(evening, name) for name in ("begins_at", "ends_at", "title", "timezone", "points")}
    assert grace_client.post(address, {**given, "board": "members"}).status_code == 302
    evening.refresh_from_db()
    assert {name: getattr(evening, name) for name in before} == before
    assert [one["from"] for one in evening.steps] == pytest.approx([1 / 3, 0.9], abs=1e-14)
    noted = StaffAction.objects.get(what="class_changed").details
    assert "begins_at" not in noted["after"] and "ends_at" not in noted["after"]


def test_a_time_that_was_edited_is_what_was_typed(grace_client, evening):
    address = f"/teach/classes/{evening.pk}/"
    given = as_sent(grace_client.get(address).context["form"])
    assert grace_client.post(address, {**given, "begins_at": "2026-11-29T19:40"}).status_code == 302
    evening.refresh_from_db()
    assert evening.begins_at == datetime(2026, 11, 29, 18, 40, tzinfo=UTC)
