"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes.models import Announcement, Class
from gradus.courses.models import Course
from gradus.notices import announcements
from gradus.notices.models import Notice
from gradus.refusal import Refused
from tests import factories
from tests.threads import THREADS, at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
MEMBERS = 20


@pytest.fixture
def evening(transactional_db: None, course: Course) -> Class:
    made = factories.a_class(course)
    for _number in range(MEMBERS):
        factories.member(made, factories.UserFactory.create())
    return made


@pytest.fixture
def tess(evening: Class) -> User:
    person = factories.UserFactory.create()
    factories.enrol(person, evening.course, factories.TEACHER)
    return person


def scheduled(evening: Class, by: User) -> Announcement:
    later = timezone.now() + timedelta(days=1)
    made = announcements.announce(evening, by=by, title="Room", text="Room 4.", publish_at=later)
    Announcement.objects.update(publish_at=timezone.now())
    return made


def test_reconcilers_at_once_tell_each_member_once(evening: Class, tess: User) -> None:
    for _round in range(3):
        made = scheduled(evening, tess)
        rounds = at_once(lambda number: announcements.tell_due(), THREADS)
        assert sum(rounds) == 1
        assert Notice.objects.filter(announcement=made).count() == MEMBERS


def test_what_is_withdrawn_meanwhile_leaves_no_notice(evening: Class, tess: User) -> None:
    for _round in range(3):
        made = scheduled(evening, tess)

        def act(number: int, made: Announcement = made) -> None:
            if number % 2:
                announcements.tell_due()
                return
            try:
                announcements.withdraw(made, by=tess)
            except Refused as refused:
                assert refused.code == "withdrawn"

        at_once(act, THREADS)
        made.refresh_from_db()
        assert made.withdrawn_at is not None
        assert not Notice.objects.filter(announcement=made).exists()
