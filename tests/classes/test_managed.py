"""What sources give a member ends with them, and what people give stays."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import managed, members
from gradus.classes.managed import Place
from gradus.classes.models import Class, Managed, Member
from gradus.classes.roster.services import add_person
from tests import factories

NONE, VIEWER, EDITOR = LearnerData.NONE, LearnerData.VIEWER, LearnerData.EDITOR


@pytest.fixture
def evening(course) -> Class:
    return factories.a_class(course)


def follow(user: User, of_class: Class, source: str, role: LearnerData = NONE, *labels: str) -> Member:
    managed.follow(user, source, [Place(of_class.pk, role, labels)])
    return Member.objects.get(user=user, of_class=of_class)


def state(member: Member) -> tuple[str, str, set[str]]:
    member.refresh_from_db()
    return member.state, member.learner_data, {label.name for label in member.labels.all()}


def test_two_sources_hold_what_both_give_until_both_are_gone(ada: User, evening: Class) -> None:
    member = follow(ada, evening, "oidc:a", VIEWER, "Section 1", "A")
    follow(ada, evening, "oidc:b", EDITOR, "section 1", "B")
    assert state(member) == ("active", "editor", {"Section 1", "A", "B"})
    managed.follow(ada, "oidc:b", [])
    assert state(member) == ("active", "viewer", {"Section 1", "A"})
    follow(ada, evening, "oidc:b", NONE, "Section 1")
    managed.follow(ada, "oidc:a", [])
    assert state(member) == ("active", "none", {"Section 1"})
    managed.follow(ada, "oidc:b", [])
    assert state(member) == ("left", "none", set()) and not Managed.objects.exists()


def test_the_highest_of_several_places_in_a_class_counts(ada: User, evening: Class) -> None:
    places = [Place(evening.pk, VIEWER, ("A",)), Place(evening.pk, NONE, ("B",)), Place(999_999)]
    managed.follow(ada, "oidc:a", places)
    assert state(Member.objects.get()) == ("active", "viewer", {"A", "B"})


def test_a_role_that_people_change_is_theirs(ada: User, evening: Class, grace: User) -> None:
    member = follow(ada, evening, "oidc:a", VIEWER)
    members.change_member(member, by=grace, learner_data=EDITOR)
    assert state(follow(ada, evening, "oidc:a", VIEWER)) == ("active", "editor", set())
    members.change_member(member, by=grace, learner_data=NONE)
    assert state(follow(ada, evening, "oidc:a", VIEWER)) == ("active", "viewer", set())
    managed.follow(ada, "oidc:a", [])
    assert state(member) == ("left", "none", set())


def test_whoever_was_removed_by_hand_stays_out_for_as_long_as_the_source_says_the_same(
    ada: User, evening: Class, grace: User
) -> None:
    member = follow(ada, evening, "oidc:a", VIEWER)
    members.remove_member(member, by=grace)
    for source in ("oidc:a", "oidc:b"):
        assert state(follow(ada, evening, source, EDITOR, "A"))[0] == "left"
    managed.follow(ada, "oidc:a", [])
    assert state(follow(ada, evening, "oidc:a", VIEWER)) == ("active", "viewer", set())


def test_whoever_is_let_back_in_or_listed_by_hand_stays(ada: User, bob: User, evening: Class, grace: User) -> None:
    first, second = (follow(user, evening, "oidc:a") for user in (ada, bob))
    members.remove_member(first, by=grace)
    members.restore_member(first, by=grace)
    Member.objects.filter(pk=second.pk).update(email="bob@example.org")
    add_person(evening, {"email": "bob@example.org"}, by=grace)
    for user, member in ((ada, first), (bob, second)):
        managed.follow(user, "oidc:a", [])
        assert state(member)[0] == "active"


def test_a_former_teacher_gets_the_role_that_is_given_now(ada: User, evening: Class, grace: User) -> None:
    member = members.add_member(evening, by=grace, user=ada, learner_data=EDITOR)
    members.remove_member(member, by=grace)
    assert state(follow(ada, evening, "oidc:a")) == ("active", "none", set())


def test_a_class_that_is_over_and_a_visitor_stay_as_they_are(ada: User, guest: User, course) -> None:
    over = factories.a_class(course, begins_at="2020-01-01T00:00Z", ends_at="2020-02-01T00:00Z")
    managed.follow(ada, "oidc:a", [Place(over.pk)])
    managed.follow(guest, "oidc:a", [Place(factories.a_class(course).pk)])
    assert not Member.objects.exists()


def test_the_database_holds_managed_places_to_their_class(ada: User, evening: Class, course) -> None:
    member = follow(ada, evening, "oidc:a", NONE, "A")
    row, elsewhere = member.managed.get(), factories.a_class(course, title="Other").labels.create(name="X")
    with pytest.raises(IntegrityError, match="one of the class of the member"), transaction.atomic():
        row.labels.add(elsewhere)
    with pytest.raises(IntegrityError, match="stays with its source"), transaction.atomic():
        Managed.objects.update(source="oidc:b")
    with pytest.raises(IntegrityError, match="with an account"), transaction.atomic():
        Managed.objects.create(member=factories.member(evening, email="lena@example.org"), source="oidc:a")
    for wrong in ({"source": ""}, {"source": "oidc:a"}, {"source": "x", "learner_data": "owner"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Managed.objects.create(member=member, **wrong)
