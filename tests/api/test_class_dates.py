"""The calls about the dates of a class: who may make them, what they store, and how they refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import access
from gradus.classes.models import Class, DateRule, Member
from gradus.courses.models import Course
from tests import factories

NOON = datetime(2030, 12, 1, 11, tzinfo=UTC)


@pytest.fixture
def evening(course: Course, grace: User) -> Class:
    """A class that Grace teaches."""
    factories.enrol(grace, course, factories.TEACHER)
    return factories.a_class(course, timezone="Europe/Vienna")


@pytest.fixture
def ann(evening: Class, ada: User) -> Member:
    return factories.member(evening, ada, first_name="Ann", login="ann01", labels=["Extra time"])


def send(client: Client, method: str, path: str, data: Any = None) -> tuple[int, Any]:
    response = client.generic(
        method, f"/api/v1/classes/{path}", json.dumps(data or {}), "application/json", headers={"X-CSRFToken": "x"}
    )
    return response.status_code, response.json()


def test_a_rule_is_set_in_the_zone_of_the_class_read_and_removed(grace_client, evening):
    path = f"{evening.pk}/dates"
    rule = {
        "challenge": "sea-or-sky",
        "due_at": "2030-12-01T12:00",
        "late": [{"until": "2030-12-02T12:00", "credit": 0.5}],
    }
    status, made = send(grace_client, "PUT", path, rule)
    assert (status, made["due_at"], made["late"]) == (
        200,
        "2030-12-01T11:00:00Z",
        [{"until": "2030-12-02T11:00:00Z", "credit": 0.5}],
    )
    _, shown = send(grace_client, "GET", path)
    held = {one["challenge"] or one["lesson"]: one["due_at"] for one in shown["everybody"]}
    assert (held["sea-or-sky"], held[None], shown["timezone"]) == ("2030-12-01T11:00:00Z", None, "Europe/Vienna")
    assert shown["rules"] == [made]
    status, refused = send(grace_client, "PUT", path, {"challenge": "sea-or-sky", "after": 0.5, "seen": "0"})
    assert (status, refused["code"]) == (409, "changed_meanwhile")
    status, gone = send(grace_client, "PUT", path, {"challenge": "sea-or-sky", "seen": made["seen"]})
    assert (status, gone) == (200, None) and not DateRule.objects.exists()


@pytest.mark.parametrize(
    ("rule", "status", "field"),
    [
        ({"due_at": "2030-12-01T12:00", "release_at": "2030-12-02T12:00"}, 422, "due_at"),
        ({"member": "ann01", "after": 0.5}, 422, "reason"),
        ({"member": "nobody", "after": 0.5}, 422, "member"),
        ({"label": "Nobody", "after": 0.5}, 422, "label"),
        ({"challenge": "nothing", "after": 0.5}, 422, "challenge"),
        ({"lesson": "nothing", "after": 0.5}, 422, "lesson"),
        ({"after": 2}, 422, "given.after"),
    ],
)
def test_what_is_wrong_is_refused_beside_its_field(grace_client, evening, ann, rule, status, field):
    found, body = send(grace_client, "PUT", f"{evening.pk}/dates", rule)
    assert found == status
    assert field is None or [one["field"] for one in body["problems"]] == [field]
    assert not DateRule.objects.exists()


def test_more_time_more_attempts_and_the_decision(grace, grace_client, evening, ann, sea_or_sky):
    DateRule.objects.create(of_class=evening, due_at=NOON)
    given = {"members": ["ann01"], "reason": "ill", "challenge": "sea-or-sky"}
    assert send(grace_client, "POST", f"{evening.pk}/extensions", {**given, "until": "2030-12-24T12:00"}) == (
        200,
        {"moved": ["Ann"], "untouched": []},
    )
    status, made = send(grace_client, "POST", f"{evening.pk}/grants", {**given, "attempts": 2})
    assert (status, made[0]["attempts"], made[0]["granted_by"]) == (201, 2, grace.pseudonym)
    assert send(grace_client, "GET", f"{evening.pk}/grants") == (200, made)
    path = f"{evening.pk}/members/ann01/decision?challenge=sea-or-sky&at=2030-12-02T12:00"
    _, decision = send(grace_client, "GET", path)
    assert (decision["submits"], decision["credit"], decision["changes_at"]) == (True, 1.0, "2030-12-24T11:00:00Z")
    [applied] = decision["applied"]
    assert (applied["field"], applied["rules"][0]["reason"]) == ("due_at", "ill")
    assert applied["rules"][0]["called"] == [str(ann.pk), "ann01"]


def test_a_name_of_two_members_is_refused(grace_client, evening, ann):
    factories.member(evening, factories.UserFactory(), registration_number="ann01")
    status, refused = send(grace_client, "POST", f"{evening.pk}/grants", {
        "members": ["ann01"], "challenge": "sea-or-sky", "attempts": 1, "reason": "ill"})  # fmt: skip
    assert (status, refused["code"]) == (422, "no_such_member")


def test_who_may_see_and_who_may_change(ada_client, bob_client, bob, grace_client, course, evening, ann):
    other = factories.a_class(course, title="Morning group")
    factories.member(other, bob, learner_data=LearnerData.EDITOR)
    for client in (ada_client, bob_client):
        for method, path in (("GET", "dates"), ("PUT", "dates"), ("POST", "grants"), ("GET", "grants")):
            body = {"members": ["ann01"], "challenge": "sea-or-sky", "attempts": 1, "reason": "ill"}
            assert send(client, method, f"{evening.pk}/{path}", body if method == "POST" else None)[0] == 404
    Member.objects.filter(pk=ann.pk).update(learner_data=LearnerData.VIEWER)
    assert send(ada_client, "GET", f"{evening.pk}/dates")[0] == 200
    assert send(ada_client, "PUT", f"{evening.pk}/dates", {"after": 0.5})[0] in {403, 404}
    assert access.decision_for(ann.user, course.challenges.first()).submits


def test_a_label_gets_more_time_and_attempts(grace_client, evening, ann):
    DateRule.objects.create(of_class=evening, due_at=NOON)
    given = {"label": "extra TIME", "reason": "a strike", "challenge": "sea-or-sky"}
    extended = send(grace_client, "POST", f"{evening.pk}/extensions", {**given, "until": "2030-12-24T12:00"})
    assert extended == (200, {"moved": ["Ann"], "untouched": []})
    _, shown = send(grace_client, "GET", f"{evening.pk}/dates")
    assert [one["extended_to"] for one in shown["rules"] if one["label"]] == ["2030-12-24T11:00:00Z"]
    status, made = send(grace_client, "POST", f"{evening.pk}/grants", {**given, "attempts": 1})
    assert (status, [one["name"] for one in made]) == (201, ["Ann"])
    for path, more in (("extensions", {"until": "2030-12-24T12:00"}), ("grants", {"attempts": 1})):
        unknown = send(grace_client, "POST", f"{evening.pk}/{path}", {**given, **more, "label": "Nobody"})
        assert (unknown[0], unknown[1]["code"]) == (422, "no_such_label")
        nobody = send(grace_client, "POST", f"{evening.pk}/{path}", {**given, **more, "label": None})
        assert (nobody[0], nobody[1]["code"]) == (422, "nothing")


def test_granted_attempts_are_withdrawn_by_those_who_decide(ada_client, grace, grace_client, evening, ann):
    given = {"members": ["ann01"], "challenge": "sea-or-sky", "attempts": 2, "reason": "ill"}
    _, [made] = send(grace_client, "POST", f"{evening.pk}/grants", given)
    path = f"{evening.pk}/grants/{made['id']}/withdraw"
    assert send(ada_client, "POST", path, {"reason": "me"})[0] == 404
    empty = send(grace_client, "POST", path, {"reason": " "})
    assert (empty[0], empty[1]["problems"][0]["field"]) == (422, "reason")
    other = factories.a_class(evening.course, title="Morning group")
    assert send(grace_client, "POST", f"{other.pk}/grants/{made['id']}/withdraw", {"reason": "a mistake"})[0] == 404
    status, done = send(grace_client, "POST", path, {"reason": "a mistake"})
    assert (status, done["withdrawn_by"], done["withdrawn_reason"]) == (200, grace.pseudonym, "a mistake")
    assert send(grace_client, "GET", f"{evening.pk}/grants") == (200, [done])
    again = send(grace_client, "POST", path, {"reason": "a mistake"})
    assert (again[0], again[1]["code"]) == (409, "changed_meanwhile")
    Member.objects.filter(pk=ann.pk).update(learner_data=LearnerData.VIEWER)
    assert send(ada_client, "POST", path, {"reason": "me"})[1]["code"] == "missing_role"
