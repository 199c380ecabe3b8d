"""The members of a class follow the roster of the platform's course, and nothing else does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes import members
from gradus.classes.models import Class, Managed, Member
from gradus.lti import rosters
from gradus.lti.messages import ROSTER
from gradus.lti.models import Context, DeletedPerson, Link, Platform
from gradus.outgoing import Unreachable
from tests import factories
from tests.deleted import delete
from tests.lti.platform import LEARNER, TEACHER, Moodle, launch
from tests.lti.roster import OFFERED, URL, Service, follow, now_there, person


def test_a_launch_brings_the_roster_once_an_hour(
    service: Service, moodle: Moodle, of_class: Class, visitor: Client
) -> None:
    service.pages = [
        [person("ada-at-moodle", TEACHER), person("bob")],
        [person("cem"), person("dee", status="Deleted")],
    ]
    assert launch(visitor, moodle, **OFFERED).status_code == 302
    ada = of_class.members.get()
    # The launch itself asked nothing of the platform's services.
    assert not service.asked and ada.learner_data == "none"
    assert rosters.run() == 1 and rosters.run() == 0
    assert service.asked == [URL, f"{URL}?page=1"] and service.scopes == [rosters.SCOPE]
    assert now_there(of_class) == {
        "ada-at-moodle": ("active", "editor", "Ada-At-Moodle"),
        "bob": ("active", "none", "Bob"),
        "cem": ("active", "none", "Cem"),
    }
    context = Context.objects.get()
    assert context.roster_found == {"all": 3, "new": 2, "changed": 1, "left": 0} and context.roster_fault == ""
    bob = Link.objects.get(sub="bob").user
    assert not bob.has_usable_password() and bob.email == "" and not EmailAddress.objects.filter(user=bob).exists()
    launch(Client(), moodle, **OFFERED)
    assert rosters.run() == 0
    Context.objects.update(roster_tried_at=timezone.now() - timedelta(hours=2))
    launch(Client(), moodle, **OFFERED)
    assert rosters.run() == 1


def test_a_token_that_the_platform_no_longer_takes_is_replaced_once(context: Context, service: Service) -> None:
    """A platform that has changed its keys refuses the tokens that it signed with the former ones."""
    follow(context, service, person("ada-at-moodle"))
    refusals = [Unreachable("no", status=401, is_certain=True)]

    def refuse() -> None:
        if refusals:
            raise refusals.pop()

    service.meanwhile = refuse
    assert follow(context, service, person("bob")).roster_fault == ""
    assert len(service.scopes) == 2 and len(service.asked) == 3
    refusals += [Unreachable("no", status=401, is_certain=True)] * 2
    assert follow(context, service, person("bob")).roster_fault
    assert len(service.scopes) == 3 and len(service.asked) == 5 and len(refusals) == 0


def test_who_is_on_the_roster_and_comes_later_is_the_same_person(
    context: Context, service: Service, moodle: Moodle, visitor: Client, of_class: Class
) -> None:
    follow(context, service, person("ada-at-moodle"))
    member = of_class.members.get()
    launch(visitor, moodle)
    assert of_class.members.get() == member and visitor.session["_auth_user_id"] == str(member.user_id)


def test_who_left_the_course_leaves_the_class_and_keeps_what_is_there(
    context: Context, service: Service, of_class: Class, ada: User
) -> None:
    by_hand = factories.member(of_class, ada, learner_data="viewer")
    follow(context, service, person("bob"), person("cem"))
    bob = Link.objects.get(sub="bob").user
    attempt = factories.submit(bob)
    context = follow(context, service, person("cem"))
    assert now_there(of_class)["bob"] == ("left", "none", "Bob") and context.roster_found["left"] == 1
    attempt.refresh_from_db()
    assert attempt.of_class == of_class and not Managed.objects.filter(member__user=bob).exists()
    by_hand.refresh_from_db()
    assert (by_hand.state, by_hand.learner_data) == ("active", "viewer")
    follow(context, service, person("bob"), person("cem"))
    assert now_there(of_class)["bob"] == ("active", "none", "Bob")


def test_a_member_by_hand_follows_the_roster_and_stays_when_it_ends(
    context: Context, service: Service, of_class: Class, ada: User, platform: Platform
) -> None:
    """Such as somebody who joined by code first, and then came from the platform."""
    Link.objects.create(platform=platform, sub="ada", user=ada)
    member = factories.member(of_class, ada, learner_data="editor")
    follow(context, service, person("ada", LEARNER), person("bob"))
    assert now_there(of_class)["ada"] == ("active", "none", "Ada")
    follow(context, service, person("bob"))
    member.refresh_from_db()
    assert member.is_active and member.learner_data == "none"


def test_roles_are_overwritten_at_each_sync(context: Context, service: Service, of_class: Class, grace: User) -> None:
    for roles, level in ((TEACHER, "editor"), (LEARNER, "none"), ("Instructor", "editor"), ("Nonsense", "none")):
        follow(context, service, person("bob", roles))
        assert now_there(of_class)["bob"][1] == level
    members.change_member(of_class.members.get(), by=grace, learner_data="editor")
    follow(context, service, person("bob"))
    assert now_there(of_class)["bob"][1] == "none"


def test_who_was_removed_here_stays_out_until_the_person_comes(
    context: Context, service: Service, of_class: Class, grace: User, moodle: Moodle
) -> None:
    follow(context, service, person("ada-at-moodle"))
    members.remove_member(of_class.members.get(), by=grace)
    follow(context, service, person("ada-at-moodle"))
    assert now_there(of_class)["ada-at-moodle"][0] == "left"
    launch(Client(), moodle)
    assert now_there(of_class)["ada-at-moodle"][0] == "active"


def test_nobody_is_found_by_an_address(context: Context, service: Service, of_class: Class, grace: User) -> None:
    EmailAddress.objects.create(user=grace, email="grace@example.org", verified=True, primary=True)
    by_mail = factories.member(of_class, email="grace@example.org")
    follow(context, service, person("bob", TEACHER))
    assert Link.objects.get().user != grace and Member.objects.get(pk=by_mail.pk).user is None


def test_who_comes_while_the_roster_is_read_stays(
    context: Context, service: Service, of_class: Class, moodle: Moodle
) -> None:
    service.meanwhile = lambda: launch(Client(), moodle, sub="late")
    follow(context, service, person("bob"))
    assert now_there(of_class)["late"][0] == "active"


def test_a_closed_account_does_not_come_back(context: Context, service: Service, of_class: Class) -> None:
    follow(context, service, person("bob"), person("cem"))
    User.objects.filter(platform_links__sub="bob").update(is_active=False)
    Member.objects.filter(user__platform_links__sub="bob").delete()
    follow(context, service, person("bob"), person("cem"))
    assert set(now_there(of_class)) == {"cem"}


def test_a_deleted_account_comes_back_with_the_person_alone(
    context: Context, service: Service, of_class: Class, moodle: Moodle
) -> None:
    context = follow(context, service, person("bob"), person("cem"))
    assert delete(Link.objects.get(sub="bob").user)
    context = follow(context, service, person("bob"), person("cem"))
    assert set(now_there(of_class)) == {"cem"} and not Link.objects.filter(sub="bob").exists()
    assert not of_class.members.filter(first_name="Bob").exists()
    assert "bob" not in str(DeletedPerson.objects.values())
    launch(Client(), moodle, sub="bob")
    assert now_there(of_class)["bob"][0] == "active" and not DeletedPerson.objects.exists()


def test_a_roster_that_says_the_same_changes_nothing(
    context: Context, service: Service, of_class: Class, django_assert_max_num_queries: Any
) -> None:
    people = [person(f"p{number}") for number in range(20)]
    follow(context, service, *people)
    with django_assert_max_num_queries(8):
        context = follow(context, service, *people)
    assert context.roster_found == {"all": 20, "new": 0, "changed": 0, "left": 0}


FAULTS: dict[str, tuple[Any, str]] = {
    "away": (Unreachable("It is away.", is_certain=True), "It is away."),
    "no JSON": (b"<html>", "not JSON"),
    "no object": (["a"], "not a roster"),
    "an error with 200": ({"error": "nobody"}, "not a roster"),
    "members that are no list": ({"members": {"a": 1}}, "not a roster"),
    "an empty roster": ({"members": []}, "is empty"),
    "people without ids": ({"members": [{"roles": [LEARNER]}, 7, None]}, "is empty"),
    "roles that are no list": ({"members": [{"user_id": "bob", "roles": "Instructor"}]}, "is empty"),
    "a NUL": ({"members": [{"user_id": "b\x00b", "roles": [LEARNER]}]}, "is empty"),
    "another course": ({"context": {"id": "8"}, "members": [person("bob")]}, "another course"),
    "refused": (Unreachable("The platform answered with the status 403.", status=403), "status 403"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_platform_that_is_away_or_lies_changes_nothing(
    context: Context, service: Service, of_class: Class, name: str
) -> None:
    follow(context, service, person("cem"), person("bob"))
    service.answers[URL], said = FAULTS[name]
    context = follow(context, service)
    assert said in context.roster_fault and context.roster_at is not None and context.roster_due_at is None
    assert {sub: state for sub, (state, _level, _name) in now_there(of_class).items()} == {
        "cem": "active",
        "bob": "active",
    }


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ('<https://evil.example.org/memberships>; rel="next"', "at another address"),
        ('<http://moodle.example.org/memberships>; rel="next"', "at another address"),
        ("<https://moodle.example.org:8443/memberships>; rel=next", "at another address"),
        ('<//evil.example.org/>; title="x"; rel="next"', "at another address"),
        (f'<{URL}>; rel="next"', "no end"),
        ("<https://[::1>; rel=next", "at another address"),
    ],
)
def test_a_second_page_is_of_the_same_host_and_pages_end(
    context: Context, service: Service, of_class: Class, link: str, said: str
) -> None:
    service.pages, service.next = [[person("bob")], [person("cem")]], lambda number: link
    rosters.follow(context)
    assert said in Context.objects.get().roster_fault and not of_class.members.exists()
    assert all(address.startswith(URL) for address in service.asked)


def test_a_roster_has_at_most_so_many_pages_and_people(
    context: Context, service: Service, of_class: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.pages = [[person(f"p{number}")] for number in range(5)]
    many, long = "too many people", "takes too long"
    for name, value, said in (
        ("PAGES", 4, "no end"),
        ("PEOPLE", 3, many),
        ("PEOPLE", 4, many),
        ("SECONDS", -1.0, long),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(rosters, name, value)
            rosters.follow(context)
        assert said in Context.objects.get().roster_fault
    assert not of_class.members.exists()
    assert rosters.follow(context) and of_class.members.count() == 5


def test_a_roster_on_another_host_is_never_asked(
    service: Service, moodle: Moodle, of_class: Class, visitor: Client, platform: Platform
) -> None:
    url = "https://evil.example.org/memberships"
    offered = {ROSTER: {"context_memberships_url": url, "service_versions": ["2.0"]}}
    launch(visitor, moodle, **offered)
    platform.refresh_from_db()
    assert "evil.example.org, which is not a host" in platform.refusal and Context.objects.get().roster_url == ""
    # Nor is one that was kept before an operator took the host away.
    Context.objects.update(roster_url=url, roster_due_at=timezone.now())
    assert (
        rosters.run() == 0 and not service.asked and "not a host of this platform" in Context.objects.get().roster_fault
    )


@pytest.mark.parametrize(
    "value",
    [None, "x", {"service_versions": ["2.0"]}, {"context_memberships_url": URL, "service_versions": ["1.0"]}],
)
def test_a_claim_that_offers_no_roster(
    service: Service, moodle: Moodle, of_class: Class, visitor: Client, value: Any
) -> None:
    assert launch(visitor, moodle, **{ROSTER: value}).status_code == 302
    assert Context.objects.get().roster_url == ""
