"""A change of too many attempts for one request: its cells are computed soon, and never read half computed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes import dates
from gradus.classes import services as classes
from gradus.classes.date_rules import Target
from gradus.classes.models import Class, Member
from gradus.classes.policy import Values
from gradus.courses.models import Challenge
from gradus.gradebook import cells, own, queries, recounts
from gradus.gradebook.models import Cell, Recount
from gradus.reconciling import reconciler
from gradus.submissions.results import releasing
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def graded(evening: Class, ann: Member, ben: Member, ada: User, bob: User) -> Class:
    """A class with two grades, for which every change of the whole class is too much at once."""
    factories.grade(factories.submit(ada), 0.7)
    factories.grade(factories.submit(bob), 0.9)
    return evening


@pytest.fixture
def large(graded: Class, monkeypatch: pytest.MonkeyPatch, grace: User) -> Class:
    """Its points have changed, and its cells wait."""
    monkeypatch.setattr(recounts, "AT_ONCE", 1)
    return classes.change(graded, by=grace, points="pass")


def shares() -> set[Decimal | None]:
    return set(Cell.objects.values_list("share", flat=True))


BEFORE, AFTER = {Decimal("0.7"), Decimal("0.9")}, {Decimal(1)}


def test_a_small_change_is_computed_at_once(graded: Class, grace: User) -> None:
    classes.change(graded, by=grace, points="pass")
    assert shares() == AFTER and not Recount.objects.exists()


def test_a_large_change_is_computed_by_the_reconciler(large: Class, ann: Member) -> None:
    assert shares() == BEFORE and Recount.objects.get().of_class == large
    assert reconciler.sweep()["recounted"] == 1
    assert shares() == AFTER and not Recount.objects.exists()
    assert reconciler.sweep()["recounted"] == 0
    assert cells.differences(large) == []


def test_a_change_for_one_person_or_challenge_is_no_large_one(
    graded: Class, ann: Member, sea_or_sky: Challenge, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recounts, "AT_ONCE", 1)
    past = timezone.now() - DAY
    dates.set_dates(Target(graded, member=ann), Values(due_at=past, after=0.5), by=grace, reason="was ill")
    assert Cell.objects.get(member=ann).share == Decimal("0.35") and not Recount.objects.exists()
    other = factories.challenge("explain")
    assert other != sea_or_sky
    dates.set_dates(Target(graded, challenge=other), Values(due_at=past), by=grace)
    assert not Recount.objects.exists()
    dates.set_dates(Target(graded, challenge=sea_or_sky), Values(due_at=past, after=0.1), by=grace)
    assert Recount.objects.exists()


def test_where_the_process_dies_nothing_is_lost(large: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    real = cells.rebuild

    def dies(*given: Any, **more: Any) -> None:
        real(*given, **more)
        raise DatabaseError("the server is gone")

    with monkeypatch.context() as here:
        here.setattr(cells, "rebuild", dies)
        assert reconciler.sweep()["recounted"] == 0
    assert shares() == BEFORE and Recount.objects.exists()
    assert reconciler.sweep()["recounted"] == 1
    assert shares() == AFTER


def test_the_page_says_that_grades_are_being_computed(large: Class, ann: Member, teacher_client: Client) -> None:
    said = "Grades are being computed again since"
    pages = [f"/teach/classes/{large.pk}/grades/", f"/teach/classes/{large.pk}/grades/{ann.pk}/sea-or-sky/"]
    for page in pages:
        assert said in teacher_client.get(page).content.decode()
    assert shares() == BEFORE
    recounts.settle(large)
    for page in pages:
        assert said not in teacher_client.get(page).content.decode()


@pytest.mark.parametrize("file", ["canvas", "moodle", "wide", "long"])
def test_a_file_has_the_grades_of_after_the_change(large: Class, teacher_client: Client, file: str) -> None:
    text = teacher_client.get(f"/teach/classes/{large.pk}/grades/{file}.csv").content.decode()
    assert "10.00" in text and "7.00" not in text and "9.00" not in text
    assert not Recount.objects.exists()


def test_the_api_has_the_grades_of_after_the_change(large: Class, teacher_client: Client) -> None:
    answer = teacher_client.get(f"/api/v1/classes/{large.pk}/grades").json()
    shown = [cell["points"] for one in answer["learners"] for cell in one["cells"] if cell["points"] is not None]
    assert shown == [10, 10]


def test_what_a_learner_sees_and_a_release_do_not_wait(large: Class, ann: Member, grace: User) -> None:
    learner = Member.objects.get(pk=ann.pk)

    def seen() -> list[Decimal | None]:
        return [cell.points for _column, cell in own.grades_of(learner).rows if cell.points is not None]

    assert seen() == [Decimal(10)]
    releasing.release(large, None, by=grace)
    assert seen() == [Decimal(10)] and Recount.objects.exists()


def test_a_grade_that_is_recorded_meanwhile_is_computed_as_the_class_says_now(large: Class, ada: User) -> None:
    factories.grade(factories.submit(ada), 0.8)
    assert shares() == {Decimal(1), Decimal("0.9")}
    recounts.settle(large)
    assert shares() == AFTER


def test_a_later_change_is_not_lost_either(large: Class, grace: User) -> None:
    first = Recount.objects.get().since
    classes.change(large, by=grace, points="share")
    assert Recount.objects.get().since > first
    recounts.settle(large)
    assert shares() == BEFORE


def test_a_change_of_weights_needs_no_recount(graded: Class, teacher: User, sea_or_sky: Challenge) -> None:
    from gradus.gradebook import services

    services.weigh(graded, {sea_or_sky.pk: "100"}, by=teacher)
    points = [cell.points for line in queries.table(graded).lines for cell in line.cells if cell.points is not None]
    assert sorted(points) == [Decimal(70), Decimal(90)] and not Recount.objects.exists()
