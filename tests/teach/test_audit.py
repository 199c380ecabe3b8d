"""The audit of a class: who did what, as whom, with what before and after, why and when."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from gradus.accounts.models import StaffAction, User
from gradus.classes import dates, members, services
from gradus.classes.date_rules import Target
from gradus.classes.models import Class
from gradus.classes.policy import Step, Values
from gradus.courses.models import Course
from gradus.gradebook import services as grades
from tests import factories
from tests.conftest import logged_in
from tests.teach.test_viewing import look


@pytest.fixture
def tess(course: Course) -> User:
    person = factories.UserFactory.create(username="tess", email="tess@example.org", pseudonym="tutor")
    factories.enrol(person, course, factories.TEACHER)
    return person


@pytest.fixture
def evening(course: Course, tess: User, ada: User) -> Class:
    """A class to which some things were done, beside another one."""
    made = services.create(course, by=tess, title="Evening")
    services.create(course, by=tess, title="Another")
    services.change(made, by=tess, title="=SUM(1)")
    members.add_member(made, by=tess, user=ada, first_name="Ann", last_name="Example")
    return made


def page(user: User, evening: Class, query: str = "") -> str:
    response = logged_in(user).get(f"/teach/classes/{evening.pk}/audit/{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_it_says_who_did_what_as_whom_why_and_with_before_and_after(evening: Class, tess: User) -> None:
    member = evening.members.get()
    look(logged_in(tess), evening, f"member-{member.pk}")
    grades.override([member], factories.challenge("sea-or-sky"), by=tess, value=5, reason="Oral exam")
    shown = page(tess, evening)
    assert str(tess) in shown and "Another" not in shown
    for words in ("<del>Evening</del>", "<ins>=SUM(1)</ins>", 'as <span lang="">Ann Example</span>',
                  'Reason: <span lang="">Oral exam</span>'):  # fmt: skip
        assert words in shown


def test_times_are_in_the_zone_of_the_class_and_shares_in_percent(evening: Class, tess: User) -> None:
    services.change(evening, by=tess, timezone="Europe/Vienna", points="steps", steps=[{"from": 0.5, "points": 0.75}])
    due = datetime(2040, 12, 1, 22, 59, tzinfo=UTC)
    steps = [Step(due + timedelta(days=2), 0.5)]
    dates.set_dates(Target(evening), Values(due_at=due, late=steps, after=0.125), by=tess)
    shown = page(tess, evening)
    for said in ("1 Dec 2040, 23:59", "50 % until 3 Dec 2040, 23:59", "12.5 %", "Times are in Europe/Vienna.",
                 "75 % of the points from a score of 50 %"):  # fmt: skip
        assert said in shown
    assert "2040-12-01T" not in shown
    newest = next(csv.DictReader(io.StringIO(page(tess, evening, "?format=csv"))))
    assert newest["at"].endswith(("+01:00", "+02:00"))
    assert json.loads(newest["after"])["due_at"] == due.isoformat()


def test_it_is_filtered_by_person_and_kind(evening: Class, tess: User) -> None:
    other = factories.UserFactory.create(is_staff=True, email="olga@example.org")
    services.change(evening, by=other, board="staff")
    by_her = urlencode({"who": StaffAction.objects.first().who})
    assert "<ins>staff</ins>" in page(tess, evening, f"?{by_her}")
    assert "<ins>=SUM(1)</ins>" not in page(tess, evening, f"?{by_her}")
    assert "<ins>=SUM(1)</ins>" not in page(tess, evening, "?what=members_changed")
    assert "<ins>=SUM(1)</ins>" in page(tess, evening, "?what=class_changed&who=nobody")


def test_it_has_pages(evening: Class, tess: User) -> None:
    for number in range(51):
        StaffAction.objects.create(what="class_changed", about=f"about-{number}", details={"class": evening.pk})
    assert "about-50" in page(tess, evening)
    assert "about-0" not in page(tess, evening)
    assert "about-0" in page(tess, evening, "?page=2")


def test_the_file_has_all_of_it_and_no_formula(evening: Class, tess: User) -> None:
    StaffAction.objects.create(what="class_changed", about="=1+1", who="@x", details={"class": evening.pk})
    rows = list(csv.DictReader(io.StringIO(page(tess, evening, "?format=csv"))))
    assert len(rows) == StaffAction.objects.filter(details__class=evening.pk).count()
    assert (rows[0]["about"], rows[0]["who"]) == ("'=1+1", "'@x")
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_learner_and_a_stranger_find_none(evening: Class, ada: User, bob: User) -> None:
    for person in (ada, bob):
        assert logged_in(person).get(f"/teach/classes/{evening.pk}/audit/").status_code == 404
