"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from gradus.accounts.models import User
from gradus.classes import releases
from gradus.classes import services as classes
from gradus.classes.models import Class, Member
from gradus.courses.models import Challenge
from gradus.gradebook import cells, recounts, services
from gradus.gradebook.models import Cell, Override, Recount
from gradus.refusal import Refused
from gradus.submissions import services as submissions
from gradus.submissions.results import releasing
from gradus.submissions.results.standings import hold_learner
from tests import factories
from tests.postgres.concurrency import claim
from tests.postgres.releases import beside
from tests.submissions.test_releasing import HAND
from tests.threads import at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ann(transactional_db: None, sea_or_sky: Challenge, ada: User) -> Member:
    """The only learner of a class."""
    assert connection.vendor == "postgresql"
    return factories.member(factories.a_class(sea_or_sky.course), ada)


def recorded(score: float) -> Callable[[], Any]:
    """Claims the next evaluation, and returns what records its grade."""
    held = claim()
    assert held is not None
    outcome = submissions.Outcome(result={"public": {}}, score=score)
    return lambda: submissions.record(held.pk, held.fence, outcome)


@pytest.mark.parametrize("begins", ["worker", "teacher"])
def test_an_override_while_a_worker_records_the_grade(
    ann: Member, ada: User, grace: User, sea_or_sky: Challenge, begins: str
) -> None:
    factories.submit(ada)
    steps = [recorded(0.9), lambda: services.override([ann], sea_or_sky, by=grace, value=3, reason="because")]
    beside(*(steps if begins == "worker" else reversed(steps)))
    cell = Cell.objects.get()
    assert (cell.share, cell.override) == (Decimal("0.9"), Override.objects.get())
    assert cells.differences(ann.of_class) == []


@pytest.mark.parametrize("begins", ["worker", "teacher"])
def test_another_scheme_while_a_worker_records_the_grade(ann: Member, ada: User, grace: User, begins: str) -> None:
    factories.submit(ada)
    steps = [recorded(0.9), lambda: classes.change(ann.of_class, by=grace, points="pass")]
    beside(*(steps if begins == "worker" else reversed(steps)))
    assert Cell.objects.get().share == 1
    assert cells.differences(Class.objects.get()) == []


def test_two_grades_of_a_learner_that_are_recorded_at_once(ann: Member, ada: User) -> None:
    factories.submit(ada)
    factories.submit(ada)
    beside(recorded(0.9), recorded(0.5))
    cell = Cell.objects.get()
    assert (cell.share, cell.attempts) == (Decimal("0.9"), 2)
    assert cells.differences(ann.of_class) == []


def test_of_instructors_who_saw_the_same_one_sets_the_grade(ann: Member, grace: User, sea_or_sky: Challenge) -> None:
    seen = services.seen_of(ann, sea_or_sky)

    def act(number: int) -> str:
        try:
            services.override([ann], sea_or_sky, by=grace, value=number, reason="because", seen=seen)
        except Refused as refused:
            return refused.code
        return "set"

    assert sorted(at_once(act, 6)) == ["changed_meanwhile"] * 5 + ["set"]
    assert Override.objects.count() == 1


@pytest.mark.parametrize("begins", ["rule", "teacher"])
def test_an_override_while_a_stricter_rule_is_saved(
    ann: Member, grace: User, sea_or_sky: Challenge, begins: str
) -> None:
    """What was set before the rule stays visible, and what is set after it is withheld."""
    steps = [
        lambda: releasing.change_rule(ann.of_class, None, by=grace, **HAND),
        lambda: services.override([ann], sea_or_sky, by=grace, value=3, reason="because"),
    ]
    beside(*(steps if begins == "rule" else reversed(steps)))
    assert Override.objects.get().withheld == (begins == "rule")


def test_an_override_is_released_once_and_never_withheld_again(ann: Member, grace: User, sea_or_sky: Challenge) -> None:
    releasing.change_rule(ann.of_class, None, by=grace, **HAND)
    [made] = services.override([ann], sea_or_sky, by=grace, value=3, reason="because")
    releases.mark_released(ann.of_class, None, releases.PARTS, by=grace)
    assert sorted(at_once(lambda number: services.release_due(ann.of_class), 4)) == [0, 0, 0, 1]
    releasing.withhold_later(ann.of_class, None, by=grace)
    assert not Override.objects.get().withheld
    with pytest.raises(DatabaseError, match="not withheld again"), transaction.atomic():
        Override.objects.filter(pk=made.pk).update(withheld=True)


def test_a_change_while_the_cells_are_computed_is_not_lost(
    ann: Member, ada: User, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.grade(factories.submit(ada), 0.9)
    monkeypatch.setattr(recounts, "AT_ONCE", 0)
    classes.change(ann.of_class, by=grace, points="pass")
    steps = [{"from": 0.5, "points": 0.25}]
    beside(
        lambda: recounts.settle(ann.of_class_id),
        lambda: classes.change(ann.of_class, by=grace, points="steps", steps=steps),
    )
    recounts.settle(ann.of_class_id)
    assert Cell.objects.get().share == Decimal("0.25") and not Recount.objects.exists()


def test_the_reconciler_does_not_wait_for_who_holds_a_learner(
    ann: Member, ada: User, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.grade(factories.submit(ada), 0.9)
    monkeypatch.setattr(recounts, "AT_ONCE", 0)
    classes.change(ann.of_class, by=grace, points="pass")
    with transaction.atomic():
        hold_learner(ada.pk)
        assert at_once(lambda number: recounts.settle_one(), 1) == [0]
    assert recounts.settle_one() == 1
    assert Cell.objects.get().share == 1
