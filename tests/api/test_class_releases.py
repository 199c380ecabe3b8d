"""The calls about the release of grades, and what learners read of their own grades over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import members
from gradus.classes.models import Class, Member, ReleaseRule
from gradus.courses.models import Course
from gradus.gradebook import services
from tests import factories

HAND = {"score": "hand", "details": "hand"}


@pytest.fixture
def evening(course: Course, grace: User) -> Class:
    """A class that Grace teaches."""
    factories.enrol(grace, course, factories.TEACHER)
    return factories.a_class(course, timezone="Europe/Vienna")


@pytest.fixture
def ann(evening: Class, ada: User) -> Member:
    return factories.member(evening, ada, first_name="Ann", login="ann01")


def send(client: Client, method: str, path: str, data: Any = None) -> tuple[int, Any]:
    response = client.generic(
        method, f"/api/v1/classes/{path}", json.dumps(data or {}), "application/json", headers={"X-CSRFToken": "x"}
    )
    return response.status_code, response.json()


def at(found: dict[str, Any], challenge: str = "sea-or-sky") -> dict[str, Any]:
    return next(one for one in found["challenges"] if one["challenge"] == challenge)


def test_grades_are_withheld_released_and_withheld_again(ada, ada_client, grace_client, evening, ann):
    path, own = f"{evening.pk}/releases", f"{evening.pk}/members/me/grades"
    _, before = send(grace_client, "GET", path)
    assert (before["of_class"]["shown"], at(before)["follows_class"]) == (["score", "details"], True)
    status, held = send(grace_client, "PUT", f"{evening.pk}/release-rule", {**HAND, "seen": before["of_class"]["seen"]})
    assert (status, held["of_class"]["shown"], at(held)["score"]) == (200, [], "hand")
    factories.grade(factories.submit(ada), 0.5)
    assert at(send(grace_client, "GET", path)[1])["withheld"] == 1
    _, unseen = send(ada_client, "GET", own)
    assert (at(unseen)["state"], at(unseen)["points"], at(unseen)["score"], unseen["points"]) == ("none", None, None, 0)

    status, done = send(grace_client, "POST", path, {"challenge": "sea-or-sky", "parts": ["score"]})
    assert (status, done["attempts"], at(done)["shown"], at(done)["details_withheld"]) == (200, 1, ["score"], 1)
    assert at(done)["by_hand"] == ["score"] and not at(done)["follows_class"]
    _, seen = send(ada_client, "GET", own)
    assert (at(seen)["state"], at(seen)["points"], at(seen)["score"], seen["possible"]) == ("graded", 5, 0.5, 10)

    _, ended = send(grace_client, "DELETE", f"{path}?challenge=sea-or-sky")
    assert (at(ended)["shown"], at(ended)["by_hand"]) == ([], [])
    assert send(ada_client, "GET", own) == (200, seen)
    _, follows = send(grace_client, "DELETE", f"{evening.pk}/release-rule?challenge=sea-or-sky")
    assert at(follows)["follows_class"] and ReleaseRule.objects.get().challenge is None
    assert send(grace_client, "POST", path)[1]["attempts"] == 1


def test_a_date_is_in_the_zone_of_the_class(grace_client, evening):
    path = f"{evening.pk}/release-rule"
    rule = {"challenge": "ticket", "score": "date", "score_at": "2030-12-01T12:00", "details": "hand"}
    status, made = send(grace_client, "PUT", path, rule)
    assert (status, at(made, "ticket")["score_at"]) == (200, "2030-12-01T11:00:00Z")
    assert at(made)["follows_class"] and made["of_class"]["score"] == "now"
    stale = send(grace_client, "PUT", path, {**rule, "details": "now", "seen": made["of_class"]["seen"]})
    assert (stale[0], stale[1]["code"]) == (409, "changed_meanwhile")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"score": "date", "details": "now"}, "score_at"),
        ({**HAND, "challenge": "nothing"}, "challenge"),
        ({"score": "later", "details": "now"}, "given.score"),
        ({"score": "date", "score_at": 5, "details": "now"}, "given.score_at"),
        ({"score": "now"}, "given.details"),
    ],
)
def test_what_is_wrong_is_refused_beside_its_field(grace_client, evening, given, field):
    status, body = send(grace_client, "PUT", f"{evening.pk}/release-rule", given)
    assert (status, [one["field"] for one in body["problems"]]) == (422, [field])
    assert not ReleaseRule.objects.exists()


def test_a_release_names_what_there_is(grace_client, evening):
    for method, path, given in (
        ("POST", "releases", {"challenge": "nothing"}),
        ("DELETE", "releases?challenge=nothing", None),
        ("DELETE", "release-rule?challenge=nothing", None),
        ("DELETE", "release-rule?challenge=", None),
    ):
        status, body = send(grace_client, method, f"{evening.pk}/{path}", given)
        assert (status, body["code"]) == (422, "no_such_challenge")
    assert send(grace_client, "POST", f"{evening.pk}/releases", {"parts": ["grade"]})[0] == 422
    assert send(grace_client, "DELETE", f"{evening.pk}/release-rule")[0] == 422


CHANGES = (("PUT", "release-rule", HAND), ("POST", "releases", {}), ("DELETE", "releases", None))


def test_who_may_see_and_who_may_change(ada_client, bob_client, bob, guest_client, grace_client, course, evening, ann):
    other = factories.a_class(course, title="Morning group")
    factories.member(other, bob, learner_data=LearnerData.EDITOR)
    # A learner of the class, an instructor of another one, and somebody without an account.
    for client in (ada_client, bob_client, guest_client):
        assert send(client, "GET", f"{evening.pk}/releases")[0] == 404
        assert {send(client, method, f"{evening.pk}/{path}", given)[0] for method, path, given in CHANGES} == {404}
    Member.objects.filter(pk=ann.pk).update(learner_data=LearnerData.VIEWER)
    assert send(ada_client, "GET", f"{evening.pk}/releases")[0] == 200
    refused = [send(ada_client, method, f"{evening.pk}/{path}", given) for method, path, given in CHANGES]
    assert {(status, body["code"]) for status, body in refused} == {(403, "missing_role")}
    assert not ReleaseRule.objects.exists()


def test_own_grades_are_for_learners_of_the_class_and_hold_no_reason(
    ada_client, bob_client, grace, grace_client, evening, ann, sea_or_sky
):
    own = f"{evening.pk}/members/me/grades"
    services.override([ann], sea_or_sky, by=grace, value=7, reason="an oral exam")
    status, shown = send(ada_client, "GET", own)
    assert (status, at(shown)["state"], at(shown)["points"]) == (200, "overridden", 7)
    assert "oral" not in json.dumps(shown)
    # Nobody in the class, and somebody who teaches it.
    assert send(bob_client, "GET", own)[0] == send(grace_client, "GET", own)[0] == 404
    assert send(ada_client, "GET", f"{10**30}/members/me/grades")[0] == 404
    members.remove_member(ann, by=grace)
    status, shown = send(ada_client, "GET", own)
    assert (status, at(shown)["points"]) == (200, 7)


def test_leaving_while_grades_are_withheld_has_a_code_of_its_own(ada_client, grace_client, evening, ann):
    send(grace_client, "PUT", f"{evening.pk}/release-rule", HAND)
    status, body = send(ada_client, "DELETE", f"{evening.pk}/members/me")
    assert (status, body["code"]) == (409, "grades_withheld")
