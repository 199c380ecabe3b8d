"""Claims give roles and labels in classes at each log-in, and take away only what they gave."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import members
from gradus.classes.models import Class, Member
from gradus.sign_in.models import LastRefusal
from tests import factories
from tests.sign_in.conftest import Browser, configure
from tests.sign_in.school import School


@pytest.fixture
def evening(course, school: School, settings) -> Class:
    made = factories.a_class(course)
    rules = [
        {"claim": "groups", "value": "students", "class": made.pk, "label": "Section 1"},
        {"claim": "groups", "value": "staff", "class": made.pk, "role": "assistant"},
        {"claim": "groups", "value": "students", "class": 999_999},
    ]
    configure(settings, school.setting(rules=rules))
    return made


def signs_in(school: School, **claims: Any) -> Member | None:
    school.claims = claims
    assert Browser().sign_in().status_code == 302
    return Member.objects.filter(user__email="ada@uni.edu").first()


def state(member: Member | None) -> tuple[str, str, list[str]]:
    assert member is not None
    member.refresh_from_db()
    return member.state, member.learner_data, sorted(label.name for label in member.labels.all())


def test_a_first_log_in_gives_a_place_and_the_next_one_ends_it(evening: Class, school: School) -> None:
    member = signs_in(school, groups=["students"])
    assert state(member) == ("active", "none", ["Section 1"])
    assert not LastRefusal.objects.exists()
    assert state(signs_in(school, groups=["students", "staff"])) == ("active", "viewer", ["Section 1"])
    assert state(signs_in(school, groups="staff")) == ("active", "viewer", [])
    assert state(signs_in(school)) == ("left", "none", [])
    assert state(signs_in(school, groups=["students"])) == ("active", "none", ["Section 1"])
    told = StaffAction.objects.filter(details__source="oidc:school")
    assert [one.details["class"] for one in told] == [evening.pk] * 5


def test_the_page_of_a_member_names_the_source(evening: Class, school: School, grace_client) -> None:
    member = signs_in(school, groups=["students", "staff"])
    assert member is not None
    page = grace_client.get(f"/teach/classes/{evening.pk}/members/{member.pk}/").content.decode()
    assert "oidc:school" in page and "learner data Viewer" in page and "Section 1" in page


def test_what_people_gave_survives(evening: Class, school: School, grace: User) -> None:
    member = signs_in(school)
    user = User.objects.get(email="ada@uni.edu")
    assert member is None
    members.add_member(evening, by=grace, user=user, labels=["Section 1", "Extra time"], learner_data="viewer")
    member = signs_in(school, groups=["students"])
    assert state(member) == ("active", "viewer", ["Extra time", "Section 1"])
    assert state(signs_in(school)) == ("active", "viewer", ["Extra time", "Section 1"])


def test_a_place_of_user_information_counts_too(evening: Class, school: School) -> None:
    school.userinfo = {"groups": ["students"]}
    assert state(signs_in(school)) == ("active", "none", ["Section 1"])


def test_adding_and_removing_the_school_give_and_end_places(evening: Class, school: School) -> None:
    owner = factories.UserFactory.create(email="ada@uni.edu")
    school.claims = {"groups": ["staff"]}
    browser = Browser()
    browser.client.post("/accounts/login/", {"login": owner.email, "password": factories.PASSWORD})
    browser.client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    browser.sign_in(process="connect")
    member = Member.objects.get(user=owner)
    assert state(member) == ("active", "viewer", [])
    browser.client.post("/accounts/3rdparty/", {"account": SocialAccount.objects.get().pk})
    assert state(member) == ("left", "none", [])


def test_a_log_in_with_the_password_changes_no_place(evening: Class, school: School, client) -> None:
    member = signs_in(school, groups=["staff"])
    user = User.objects.get(email="ada@uni.edu")
    user.set_password(factories.PASSWORD)
    user.save()
    client.post("/accounts/login/", {"login": user.email, "password": factories.PASSWORD})
    assert client.session["_auth_user_id"] == str(user.pk)
    assert state(member) == ("active", LearnerData.VIEWER, [])
