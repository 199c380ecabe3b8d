"""What learners see of their own grades in a class, before and after the release."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes.models import Class, DateRule, Member
from gradus.courses.models import Challenge
from gradus.gradebook import own, services
from gradus.gradebook.table import State
from gradus.submissions.services import releasing
from tests import factories

pytestmark = pytest.mark.django_db
TOKENS = re.compile(r'(X-CSRFToken": "|csrfmiddlewaretoken" value=")[^"]+')
HAND = {"score": "hand", "details": "hand"}


def page(client: Client, of_class: Class) -> str:
    answer = client.get(f"/classes/{of_class.pk}/grades/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_points_credit_and_that_a_person_set_them(
    evening: Class, ann: Member, ada: User, ada_client: Client, teacher: User, sea_or_sky: Challenge, ticket: Challenge
) -> None:
    DateRule.objects.create(of_class=evening, challenge=ticket, due_at=timezone.now() - timedelta(days=1), after=0.5)
    factories.grade(factories.submit(ada, "ticket", factories.LORA), 0.8)
    services.override([ann], sea_or_sky, by=teacher, value=9, reason="between the two of us")
    services.excuse([ann], factories.challenge("explain"), by=teacher, reason="a private matter")
    found = page(ada_client, evening)
    for words in ("4.00", "It counts 50 %", "Late", "9.00", "A person set these points", "You are excused"):
        assert words in found
    assert "You have 13 of 20 points so far." in found
    for private in ("between the two of us", "a private matter", "teacher"):
        assert private not in found.replace("your teacher", "")


def test_nothing_is_seen_before_the_release(
    evening: Class, ann: Member, ada: User, ada_client: Client, teacher: User, sea_or_sky: Challenge, ticket: Challenge
) -> None:
    releasing.change_rule(evening, None, by=teacher, **HAND)
    before = page(ada_client, evening)
    factories.grade(factories.submit(ada), 0.8)
    services.override([ann], ticket, by=teacher, value=9, reason="because")
    services.excuse([ann], factories.challenge("explain"), by=teacher, reason="because")
    assert TOKENS.sub("", page(ada_client, evening)) == TOKENS.sub("", before)
    releasing.release(evening, None, by=teacher)
    assert [cell.points for _column, cell in own.grades_of(ann).rows] == [8, 9, None]


def test_a_better_attempt_that_is_withheld_does_not_tell(
    evening: Class, ann: Member, ada: User, teacher: User, sea_or_sky: Challenge
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    releasing.change_rule(evening, None, by=teacher, **HAND)
    factories.grade(factories.submit(ada), 0.9)
    _column, cell = own.grades_of(ann).rows[0]
    assert (cell.state, cell.points) == (State.GRADED, Decimal(5))


def test_only_members_see_it_and_only_what_is_open(
    evening: Class,
    ann: Member,
    ada_client: Client,
    bob_client: Client,
    grace_client: Client,
    client: Client,
    ticket: Challenge,
) -> None:
    for one in (bob_client, grace_client, client):
        assert one.get(f"/classes/{evening.pk}/grades/").status_code == 404
    DateRule.objects.create(of_class=evening, challenge=ticket, release_at=timezone.now() + timedelta(days=1))
    assert ticket.title not in page(ada_client, evening)
