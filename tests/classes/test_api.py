"""The calls of the API about classes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.classes import services
from gradus.classes.models import Class, Member
from gradus.courses.models import Challenge, Course
from tests import factories
from tests.conftest import logged_in

API = "/api/v1/classes"


def calls(user: User, scope: Scope | None = None) -> Any:
    token = ApiToken.issue(user, "tests", scope or Scope(learner_data=LearnerData.EDITOR))[1]

    def call(method: str, path: str = "", body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return getattr(Client(), method)(f"{API}{path}", body, content_type="application/json", headers=headers)

    return call


def test_a_class_is_made_changed_and_read_with_what_was_seen(course: Course, teacher: User) -> None:
    call = calls(teacher)
    given = {"course": course.slug, "title": "Autumn", "timezone": "Europe/Vienna", "begins_at": "2026-10-05T09:00"}
    made = call("post", "", given)
    assert made.status_code == 201 and made.json()["begins_at"] == "2026-10-05T07:00:00Z"
    path, seen = f"/{made.json()['id']}", made.json()["seen"]
    steps = [{"from": 0.5, "points": 0.8}]
    changed = call("patch", path, {"points": "steps", "steps": steps, "seen": seen})
    assert changed.status_code == 200 and changed.json()["steps"] == steps
    assert changed.json()["title"] == "Autumn"
    late = call("patch", path, {"title": "Winter", "seen": seen})
    assert (late.status_code, late.json()["code"]) == (409, "changed_meanwhile")
    wrong = call("patch", path, {"timezone": "Vienna", "ends_at": "2027-01-01T00:00"})
    assert (wrong.status_code, wrong.json()["problems"][0]["field"]) == (422, "timezone")


def test_a_learner_sees_the_class_without_what_teachers_see(evening: Class, ada: User, bob: User) -> None:
    factories.member(evening, ada)
    Class.objects.update(join_code="aaaaabbbbb", join_code_until="2199-01-01T00:00Z")
    call = calls(ada, Scope())
    assert [(one["id"], one["you"]) for one in call("get").json()] == [(evening.pk, "learner")]
    shown = call("get", f"/{evening.pk}").json()
    assert (shown["title"], shown["join_code"], shown["learners"], shown["seen"]) == ("Evening group", *[None] * 3)
    assert calls(bob, Scope())("get").json() == []
    assert calls(bob, Scope())("get", f"/{evening.pk}").status_code == 404
    assert calls(bob, Scope())("delete", f"/{evening.pk}/members/me").status_code == 404


def test_members_are_added_changed_removed_and_come_back(evening: Class, teacher: User) -> None:
    call, path = calls(teacher), f"/{evening.pk}/members"
    added = call("post", path, {"emails": ["Ann@example.org"], "labels": ["One"]}).json()
    assert added["mailed"] == ["ann@example.org"]
    (ann,) = added["members"]
    one = f"{path}/{ann['id']}"
    changed = call("patch", one, {"last_name": "Lee", "labels": ["Two"], "role": "assistant", "seen": ann["seen"]})
    assert (changed.json()["labels"], changed.json()["role"]) == (["Two"], "assistant")
    assert call("patch", one, {"last_name": "Lo", "seen": ann["seen"]}).status_code == 409
    assert call("delete", one).json()["state"] == "left"
    assert call("get", path).json()["members"] == []
    assert call("patch", one, {"state": "active"}).json()["state"] == "active"
    assert Member.objects.get().last_name == "Lee"
    assert call("post", path, {"emails": ["nobody"]}).json()["code"] == "bad_email"


def test_an_assistant_reads_members_and_changes_nothing(evening: Class, bob: User) -> None:
    factories.member(evening, bob, learner_data="viewer")
    member = factories.member(evening, email="ann@example.org")
    call = calls(bob, Scope(learner_data=LearnerData.VIEWER))
    assert len(call("get", f"/{evening.pk}/members").json()["members"]) == 2
    assert call("get").json()[0]["you"] == "assistant"
    # No token of an assistant may change anything anywhere.
    assert call("delete", f"/{evening.pk}/members/{member.pk}").status_code == 404
    other = factories.a_class(evening.course, title="Other")
    factories.member(other, bob, learner_data="editor")
    wide = calls(User.objects.get(pk=bob.pk))
    assert wide("delete", f"/{evening.pk}/members/{member.pk}").json()["code"] == "missing_role"
    assert wide("get", f"/{other.pk}/members").status_code == 200


@pytest.mark.parametrize("code", ["", "nothing", "AAAAABBBBB"])
def test_joining_by_api_needs_the_code(evening: Class, ada: User, code: str) -> None:
    Class.objects.update(join_code="aaaaabbbbb", join_code_until="2199-01-01T00:00Z")
    answer = calls(ada, Scope())("post", "/join", {"code": code})
    assert answer.status_code == (200 if code == "AAAAABBBBB" else 404)
    assert Member.objects.count() == (1 if code == "AAAAABBBBB" else 0)


def test_a_token_that_may_not_see_answers_gets_no_code(course: Course, teacher: User, evening: Class) -> None:
    services.rotate_code(evening, by=teacher, until=timezone.now() + timedelta(days=1))
    seen = calls(teacher)("get", f"/{evening.pk}").json()
    unseen = calls(teacher, Scope())("get", f"/{evening.pk}").json()
    assert seen["join_code"] and unseen["join_code"] is None and unseen["seen"] != seen["seen"]


def test_keys_that_no_database_has_are_not_found_or_refused(teacher: User, evening: Class) -> None:
    call, huge = calls(teacher), 10**30
    assert call("delete", f"/{huge}/members/me").status_code == 404
    given = {"challenge": "sea-or-sky", "members": [huge], "kind": "excused", "reason": "ill"}
    assert call("post", f"/{evening.pk}/overrides", given).status_code == 422
    client = logged_in(teacher)
    assert client.get(f"/classes/{huge}/grades/").status_code == 404
    assert client.post(f"/classes/{huge}/leave").status_code == 404
    marked = client.post(f"/teach/classes/{evening.pk}/members/marked", {"member": str(huge), "action": "remove"})
    assert marked.status_code == 302


def test_every_call_says_of_an_unknown_label_the_same(teacher: User, evening: Class) -> None:
    call, path = calls(teacher), f"/{evening.pk}"
    factories.member(evening, email="ann@example.org", labels=["Straße"])
    answers = [
        call("get", f"{path}/members?label=Nobody"),
        call("get", f"{path}/grades?label=Nobody"),
        call("put", f"{path}/dates", {"label": "Nobody", "after": 0.5}),
        call("post", f"{path}/announcements", {"title": "Room", "text": "Room 4.", "label": "Nobody"}),
    ]
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(422, "no_such_label")}
    assert {one.json()["problems"][0]["field"] for one in answers} == {"label"}
    assert len(call("get", f"{path}/members?label=STRASSE").json()["members"]) == 1


def test_a_member_is_named_by_address_login_or_number(teacher: User, evening: Class) -> None:
    call, path = calls(teacher), f"/{evening.pk}/members"
    member = factories.member(evening, email="ann@example.org", login="ann01")
    for name in ("Ann@example.org", "ann01", str(member.pk)):
        assert call("patch", f"{path}/{name}", {"first_name": "Ann"}).json()["id"] == member.pk
    assert call("delete", f"{path}/bob").json()["code"] == "no_such_member"
    assert call("delete", f"{path}/ann01").json()["state"] == "left"


def test_points_of_challenges_that_changed_meanwhile_are_refused(teacher: User, evening: Class) -> None:
    call, path = calls(teacher), f"/{evening.pk}"
    seen = call("get", f"{path}/grades").json()["seen"]
    given = {"worths": {"sea-or-sky": 20}, "seen": seen}
    changed = call("put", f"{path}/worths", given).json()
    assert {one["challenge"]: one["worth"] for one in changed["challenges"]}["sea-or-sky"] == 20
    assert call("put", f"{path}/worths", given).json()["code"] == "changed_meanwhile"
    assert call("put", f"{path}/worths", {**given, "seen": changed["seen"]}).status_code == 200
    assert call("put", f"{path}/worths", {"worths": {"nothing": 20}}).json()["code"] == "no_such_challenge"
    wrong = call("put", f"{path}/worths", {"worths": {"sea-or-sky": -1, "ticket": 2000, "explain": 5}}).json()
    assert [one["field"] for one in wrong["problems"]] == ["sea-or-sky", "ticket"] and wrong["code"] == "range"


def test_a_time_is_text(teacher: User, evening: Class) -> None:
    call = calls(teacher)
    assert call("patch", f"/{evening.pk}", {"begins_at": 5}).status_code == 422
    assert call("put", f"/{evening.pk}/code", {"until": 5}).status_code == 422


@pytest.mark.parametrize("time", ["0001-01-01T00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:00-12:00"])
def test_a_year_of_no_class_is_refused_beside_its_field(
    teacher: User, evening: Class, sea_or_sky: Challenge, time: str
) -> None:
    call, path = calls(teacher), f"/{evening.pk}"
    step, asked = {"until": time, "credit": 0.5}, urlencode({"challenge": sea_or_sky.slug, "at": time})
    member = factories.member(evening, factories.UserFactory())
    answers = {
        "begins_at": call("patch", path, {"begins_at": time}),
        "due_at": call("put", f"{path}/dates", {"due_at": time}),
        "late": call("put", f"{path}/dates", {"late": [step]}),
        "until": call("post", f"{path}/extensions", {"members": [str(member.pk)], "until": time, "reason": "ill"}),
        "publish_at": call("post", f"{path}/announcements", {"title": "A", "text": "B", "publish_at": time}),
        "at": call("get", f"{path}/members/{member.pk}/decision?{asked}"),
    }
    for field, answer in answers.items():
        [problem] = answer.json()["problems"]
        assert answer.status_code == 422 and field in problem["field"], problem
        assert "Write a year from 1970 to 2199." in problem["message"]


def test_a_roster_is_applied_only_as_it_was_previewed(teacher: User, evening: Class) -> None:
    client, path = logged_in(teacher), f"{API}/{evening.pk}/roster"

    def send(query: str, text: str = "email\nann@example.org\n") -> Any:
        return client.post(f"{path}?{query}", text.encode(), content_type="application/octet-stream")

    unseen = send("dry_run=false")
    assert (unseen.status_code, unseen.json()["code"]) == (422, "preview_needed")
    seen = send("").json()["seen"]
    other = send(f"dry_run=false&seen={seen}", "email\nben@example.org\n")
    assert (other.status_code, other.json()["code"], Member.objects.count()) == (409, "changed_meanwhile", 0)
    assert send(f"dry_run=false&seen={seen}").json()["applied"]
    assert Member.objects.get().email == "ann@example.org"
