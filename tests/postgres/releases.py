"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from gradus.accounts.models import User
from gradus.classes import changes, releases
from gradus.classes.models import Class
from gradus.courses.models import Challenge
from gradus.notices.models import Notice
from gradus.reconciling import reconciler
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Standing, Submission
from gradus.submissions.results import releasing
from gradus.submissions.results.standings import differences, hold_learners
from tests import factories
from tests.postgres.concurrency import claim, until_it_waits_or
from tests.submissions.test_releasing import HAND, NOW, graded_many
from tests.threads import at_once
from tests.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
HELD_SECONDS = 10
LEARNERS = 5000
# Of one batch, with the cells of the gradebook; it does not depend on the number of its attempts.
QUERIES = 30


@pytest.fixture
def group(transactional_db: None, sea_or_sky: Challenge, ada: User, grace: User) -> Class:
    """A class of one learner, whose teacher releases grades by hand."""
    assert connection.vendor == "postgresql"
    made = factories.a_class(sea_or_sky.course)
    factories.member(made, ada)
    releasing.change_rule(made, None, by=grace, **HAND)
    return made


def beside(first: Callable[[], Any], second: Callable[[], Any]) -> None:
    """Does `first` in a transaction, which ends only when `second` waits for it in another one, or has ended."""
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            first()
            later = other.submit(lambda: at_once(lambda number: second(), 1))
            until_it_waits_or(later.done)
        later.result(timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("begins", ["worker", "release"])
def test_a_release_while_a_worker_records_the_grade(
    ada: User, grace: User, group: Class, sea_or_sky: Challenge, begins: str
) -> None:
    made = factories.submit(ada)
    held = claim()
    assert held is not None and made.grade_withheld
    outcome = services.Outcome(result={"public": {}}, score=0.9)
    releases.mark_released(group, sea_or_sky, releases.PARTS, by=grace)
    steps: list[Callable[[], Any]] = [
        lambda: services.record(held.pk, held.fence, outcome),
        lambda: releasing.carry_out(group, sea_or_sky),
    ]
    beside(*(steps if begins == "worker" else reversed(steps)))

    made.refresh_from_db()
    assert (made.grade_withheld, made.details_withheld) == (False, False)
    assert Standing.objects.get().shown == 0.9 and differences() == []
    # A grade that was not withheld when it was recorded is told only after a long wait.
    assert Notice.objects.count() == (1 if begins == "worker" else 0)


def test_a_rule_that_withholds_while_a_worker_records_the_grade(
    ada: User, grace: User, group: Class, sea_or_sky: Challenge
) -> None:
    releasing.change_rule(group, None, by=grace, **NOW)
    made = factories.submit(ada)
    held = claim()
    assert held is not None and not made.grade_withheld
    releases.change(group, None, by=grace, **HAND)
    outcome = services.Outcome(result={"public": {}}, score=0.9)
    beside(lambda: releasing.carry_out(group), lambda: services.record(held.pk, held.fence, outcome))
    made.refresh_from_db()
    assert made.grade_withheld and made.current.state == "withheld"
    assert not Standing.objects.exists() and not Notice.objects.exists()


def test_several_who_release_at_once_release_each_attempt_once(
    grace: User, group: Class, sea_or_sky: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releasing, "BATCH", 7)
    graded_many(group, 60, sea_or_sky)
    counts = at_once(lambda number: releasing.release(group, sea_or_sky, by=grace), 6)
    assert sum(counts) == 60
    assert Standing.objects.count() == Notice.objects.count() == 60 and differences() == []


def test_no_attempt_is_stored_by_the_rule_before(grace: User, group: Class, sea_or_sky: Challenge) -> None:
    """While many submit, the rule withholds from one moment on, and every later attempt is withheld."""
    releasing.change_rule(group, None, by=grace, **NOW)
    users = factories.UserFactory.create_batch(24)
    for user in users:
        factories.member(group, user)

    def act(number: int) -> None:
        if number == 5:
            releasing.change_rule(group, None, by=grace, **HAND)
        else:
            factories.submit(users[number])

    at_once(act, 24)
    # Nothing was graded, so what came before the change is withheld as well.
    assert set(Submission.objects.values_list("grade_withheld", "details_withheld")) == {(True, True)}


@pytest.mark.parametrize("held", ["class", "learner"])
def test_a_round_of_the_reconciler_leaves_what_is_locked_to_the_next_one(
    ada: User, group: Class, grace: User, sea_or_sky: Challenge, held: str
) -> None:
    """A roster holds its class for as long as it takes; other classes get their grades, and jobs go on."""
    other = factories.a_class(sea_or_sky.course)
    releasing.change_rule(other, None, by=grace, **HAND)
    made = factories.submit(ada)
    graded_many(other, 2, sea_or_sky)
    factories.grade(made)
    for one in (group, other):
        releases.mark_released(one, None, releases.PARTS, by=grace)
    with ThreadPoolExecutor(1) as beside:
        with transaction.atomic():
            hold_learners([ada.pk]) if held == "learner" else changes.hold(group)
            round = beside.submit(lambda: at_once(lambda number: reconciler.sweep(), 1))
            # It must end while the lock is held. This wait ends the transaction where it does not.
            wait([round], timeout=HELD_SECONDS)
            ended = round.done()
        round.result(timeout=PATIENCE_SECONDS)
    assert ended
    made.refresh_from_db()
    assert made.details_withheld and not Submission.objects.filter(of_class=other, details_withheld=True).exists()
    assert reconciler.sweep()["released"] == 1


def test_a_round_locks_no_class_in_which_nothing_is_due(ada: User, group: Class) -> None:
    factories.grade(factories.submit(ada))
    with CaptureQueriesContext(connection) as queries:
        assert reconciler.sweep()["released"] == 0
    assert not [one for one in queries.captured_queries if "classes_class" in one["sql"] and " FOR " in one["sql"]]


@pytest.mark.slow
def test_five_thousand_grades_are_released_in_a_bounded_number_of_queries(
    grace: User, group: Class, sea_or_sky: Challenge
) -> None:
    graded_many(group, LEARNERS, sea_or_sky)
    began = time.monotonic()
    with CaptureQueriesContext(connection) as queries:
        assert releasing.release(group, sea_or_sky, by=grace) == LEARNERS
    seconds = time.monotonic() - began
    print(f"released {LEARNERS} grades in {seconds:.1f} s with {len(queries)} queries")
    assert len(queries) <= QUERIES * (LEARNERS // releasing.BATCH + 1)
    assert Standing.objects.count() == Notice.objects.count() == LEARNERS
    assert not Submission.objects.filter(details_withheld=True).exists()
    assert Evaluation.objects.count() == LEARNERS
