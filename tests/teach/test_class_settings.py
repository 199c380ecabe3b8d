"""The page of a class, its link and settings, and the form of a new one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gradus.accounts.models import StaffAction
from gradus.classes.models import Class
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


@pytest.mark.parametrize(("typed", "zone"), [("Vienna", "Europe/Vienna"), ("new york", "America/New_York")])
def test_a_city_is_understood_and_the_next_class_begins_with_its_zone(grace, grace_client, course, typed, zone):
    sent = {"course": course.slug, "title": "Spring", "timezone": typed}
    assert grace_client.post("/teach/classes/new", sent).status_code == 302
    assert Class.objects.get().timezone == zone
    assert grace_client.get("/teach/classes/new").context["form"]["timezone"].value() == zone


def test_a_link_gets_another_end_without_another_code(grace_client, course):
    made = factories.a_class(course)
    address = f"/teach/classes/{made.pk}/code"
    first = grace_client.post(address, {"join_code_until": "2100-01-01T00:00"}, follow=True).content.decode()
    assert "There is a link now." in first and "no longer works" not in first
    made.refresh_from_db()
    code = made.join_code
    moved = grace_client.post(address, {"join_code_until": "2100-02-01T00:00", "action": "until"}, follow=True)
    assert "It is the same link as before." in moved.content.decode()
    made.refresh_from_db()
    assert (made.join_code, f"{made.join_code_until:%Y-%m}") == (code, "2100-02")
    past = grace_client.post(address, {"join_code_until": "2020-01-01T00:00", "action": "until"})
    assert past.status_code == 422
    again = grace_client.post(address, {"join_code_until": "2100-01-01T00:00"}, follow=True).content.decode()
    assert "The earlier one no longer works." in again
    grace_client.post(address, {"action": "stop"})
    none = grace_client.post(address, {"join_code_until": "2100-01-01T00:00", "action": "until"})
    assert none.status_code == 422 and "There is no link any more." in none.content.decode()
    made.refresh_from_db()
    assert made.join_code is None


def test_a_leaderboard_that_is_switched_on_is_linked(grace_client, evening, sea_or_sky):
    address = f"/teach/classes/{evening.pk}/"
    response = grace_client.get(address)
    assert "Leaderboards of the class" not in response.content.decode()
    given = as_sent(response.context["form"])
    found = grace_client.post(address, {**given, "board": "members"}, follow=True).content.decode()
    assert "Links to the leaderboards" in found and f"/leaderboards/sea-or-sky/?class={evening.pk}" in found
    assert grace_client.get(f"/leaderboards/sea-or-sky/?class={evening.pk}").status_code == 200


def test_somebody_beyond_the_end_of_the_list_is_found_and_looked_at(grace_client, evening, monkeypatch):
    monkeypatch.setattr("gradus.teach.class_forms.LISTED", 1)
    factories.member(evening, factories.UserFactory(), first_name="Ann", last_name="Abel")
    zoe = {"first_name": "Zoe", "last_name": "Ilic"}
    zoes = [
        factories.member(evening, factories.UserFactory(), registration_number=number, **zoe)
        for number in ("7001", "7002")
    ]
    address = f"/teach/classes/{evening.pk}/view-as/"
    assert "Zoe Ilic" not in grace_client.get(address).content.decode()
    assert "Zoe Ilic" in grace_client.get(address, {"search": "7001"}).content.decode()
    monkeypatch.setattr("gradus.teach.class_forms.LISTED", 9)
    text = grace_client.get(address, {"search": "zoe"}).content.decode()
    assert "Zoe Ilic · 7001" in text and "Zoe Ilic · 7002" in text
    monkeypatch.setattr("gradus.teach.class_forms.LISTED", 1)
    assert grace_client.post(address, {"who": "member-99999", "at": ""}).status_code == 422
    assert grace_client.post(address, {"who": f"member-{zoes[1].pk}", "at": ""}).status_code == 302


def test_a_roster_says_who_has_to_be_told_and_shows_a_wrong_row(grace_client, evening):
    address = f"/teach/classes/{evening.pk}/roster/"
    text = "email,firstname,lastname\nzoe@example.org,Zoe,Ilic\nnot-an-address,Max,Mistake\n"
    preview = grace_client.post(address, {"text": text})
    page = preview.content.decode()
    assert "not-an-address · Max · Mistake" in page and "not known" not in page and "No mail is sent" not in page
    applied = grace_client.post(address, {"text": text, "seen": preview.context["plan"].digest}).content.decode()
    assert "No mail is sent. Tell the <strong>1</strong> new person" in applied and "http://testserver/" in applied
