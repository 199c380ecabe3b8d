"""What learners see of their own grades in a class, before and after the release."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes import members
from gradus.classes.models import Class, DateRule, Member
from gradus.courses.models import Challenge
from gradus.gradebook import exports, own, queries, services
from gradus.gradebook.table import State
from gradus.reconciling import reconciler
from gradus.submissions.results import releasing
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


def test_what_a_learner_has_seen_is_never_withheld_again(
    evening: Class, ann: Member, ada_client: Client, teacher: User, sea_or_sky: Challenge, ticket: Challenge
) -> None:
    """Neither a stricter rule, nor the end of a release by hand, nor a rule of the challenge withholds it."""
    services.override([ann], sea_or_sky, by=teacher, value=9, reason="because")
    services.excuse([ann], ticket, by=teacher, reason="because")
    before = page(ada_client, evening)
    assert "9.00" in before and "You are excused" in before
    releasing.change_rule(evening, None, by=teacher, **HAND)
    releasing.change_rule(evening, sea_or_sky, by=teacher, **HAND)
    releasing.release(evening, None, by=teacher)
    releasing.withhold_later(evening, None, by=teacher)
    assert TOKENS.sub("", page(ada_client, evening)) == TOKENS.sub("", before)
    table = queries.table(evening)
    assert [cell.is_shown for cell in table.lines[0].cells][:2] == [True, True]
    assert queries.count_held(evening, queries.learners(evening), table.columns) == 0
    assert ",9.00" in exports.moodle(table, ZoneInfo("UTC"))
    # What replaces them is seen as well, and a grade that was not there yet is not.
    services.override([ann], sea_or_sky, by=teacher, value=7, reason="because")
    services.override([ann], factories.challenge("explain"), by=teacher, value=6, reason="because")
    assert [cell.points for _column, cell in own.grades_of(ann).rows] == [7, None, None]


def test_at_its_date_a_grade_that_a_person_set_is_released(
    evening: Class, ann: Member, teacher: User, sea_or_sky: Challenge, ticket: Challenge, time_machine: Any
) -> None:
    noon = timezone.now().replace(microsecond=0) + timedelta(hours=2)
    releasing.change_rule(evening, None, by=teacher, **HAND)
    releasing.change_rule(evening, sea_or_sky, by=teacher, score="date", score_at=noon, details="hand")
    for place in (sea_or_sky, ticket):
        services.override([ann], place, by=teacher, value=9, reason="because")
    for moment, points in ((noon - timedelta(seconds=1), None), (noon, 9)):
        time_machine.move_to(moment, tick=False)
        reconciler.sweep()
        assert [cell.points for _column, cell in own.grades_of(ann).rows] == [points, None, None]


def test_only_members_see_it_and_only_what_is_open(
    evening: Class,
    ann: Member,
    ada_client: Client,
    bob_client: Client,
    grace_client: Client,
    client: Client,
    ticket: Challenge,
) -> None:
    for other in (bob_client, grace_client):
        assert other.get(f"/classes/{evening.pk}/grades/").status_code == 404
    assert client.get(f"/classes/{evening.pk}/grades/").headers["Location"].startswith("/accounts/login/?next=")
    DateRule.objects.create(of_class=evening, challenge=ticket, release_at=timezone.now() + timedelta(days=1))
    assert ticket.title not in page(ada_client, evening)


def test_who_was_removed_still_reads_the_own_grades(
    evening: Class, ann: Member, ada: User, ada_client: Client, grace: User
) -> None:
    factories.grade(factories.submit(ada), 0.8)
    assert "You are no longer in the class" not in ada_client.get("/courses/tiny/").content.decode()
    members.remove_member(ann, by=grace)
    assert "You have 8 of 10 points so far." in page(ada_client, evening)
    course = ada_client.get("/courses/tiny/").content.decode()
    assert "You are no longer in the class" in course and f"/classes/{evening.pk}/grades/" in course


def test_a_later_opening_takes_no_grade_away(
    evening: Class, ann: Member, ada: User, ada_client: Client, sea_or_sky: Challenge
) -> None:
    factories.grade(factories.submit(ada), 0.8)
    DateRule.objects.create(of_class=evening, challenge=sea_or_sky, release_at=timezone.now() + timedelta(days=7))
    assert [cell.points for column, cell in own.grades_of(ann).rows if column.challenge == sea_or_sky.pk] == [8]
    assert "You have 8 of 10 points so far." in page(ada_client, evening)
