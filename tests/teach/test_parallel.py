"""Owners who go, and people who accept, at the same moment. `tests/postgres/test_suites.py` runs it there as well."""

from __future__ import annotations

from copy import copy

import pytest
from allauth.account.models import EmailAddress
from django.http import Http404

from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.teach import people
from gradus.teach.models import Invitation
from tests import factories
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
OWNER, VIEWER = Scope(Content.OWNER, LearnerData.EDITOR), Scope(Content.VIEWER)
# Each pair of owners races anew.
ROUNDS = 5


@pytest.mark.parametrize("act", ["both leave", "both lower themselves", "each removes the other", "one of each"])
def test_of_two_owners_one_stays(transactional_db: None, course: Course, act: str) -> None:
    for _ in range(ROUNDS):
        Enrolment.objects.all().delete()
        pair = [factories.enrol(factories.UserFactory.create(), course, OWNER) for _ in range(2)]

        def go(number: int, pair: list[Enrolment] = pair) -> str:
            # As each request read them, before the other one changed anything.
            mine, other = copy(pair[number]), copy(pair[1 - number])
            try:
                if act == "each removes the other":
                    people.remove(other, by=mine.user)
                elif act == "both lower themselves" or (act == "one of each" and number):
                    people.change(mine, VIEWER, by=mine.user)
                else:
                    people.remove(mine, by=mine.user)
            except Refused as refused:
                return refused.code
            except Http404:
                return "not_found"
            return "done"

        said = at_once(go, 2)
        assert Enrolment.objects.filter(content=Content.OWNER).count() == 1
        assert sorted(said)[0] == "done" and said.count("done") == 1


def test_an_address_is_invited_once(transactional_db: None, course: Course, grace: User) -> None:
    def invite(number: int) -> str:
        try:
            people.invite(course, by=grace, email="lena@example.org", scope=VIEWER, site="http://testserver/")
        except Refused as refused:
            return refused.code
        return "done"

    assert sorted(at_once(invite, 6)) == ["done", *["invited_already"] * 5]
    assert Invitation.objects.count() == 1


def test_an_invitation_is_accepted_once(transactional_db: None, course: Course, grace: User) -> None:
    """By two accounts of which each has confirmed the address, and by each of them several times."""
    users = factories.UserFactory.create_batch(2)
    # As before accounts gave way to the one that confirms an address.
    confirmed = zip(users, ("lena@example.org", "Lena@example.org"), strict=True)
    EmailAddress.objects.bulk_create(EmailAddress(user=user, email=email, verified=True) for user, email in confirmed)
    made = people.invite(course, by=grace, email="lena@example.org", scope=VIEWER, site="http://testserver/")
    secret = made.link.rstrip("/").rpartition("/")[2]

    def accept(number: int) -> str:
        try:
            return str(people.accept(secret, by=users[number % 2]).user_id)
        except Refused as refused:
            return refused.code

    said = at_once(accept, 6)
    role = Enrolment.objects.get()
    assert sorted(said) == sorted([str(role.user_id)] * 3 + ["invitation_used"] * 3)
    assert Invitation.objects.get().accepted_by_id == role.user_id
