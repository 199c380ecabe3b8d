"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Course
from gradus.own_data import deletion, erasing
from gradus.refusal import Refused
from gradus.reviews import services as reviews
from gradus.reviews.models import Review
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Score, Submission
from gradus.submissions.results.standings import differences
from gradus.submissions.services.finish import LeaseLost
from tests import factories
from tests.postgres.concurrency import until_it_waits_or
from tests.reviews import cases
from tests.threads import THREADS, at_once
from tests.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def on_postgresql(transactional_db: None) -> None:
    assert connection.vendor == "postgresql"


def due(user: User) -> int:
    deletion.ask(user, reason="Asked for by mail.", at_once=True)
    return user.pk


def test_of_many_that_delete_an_account_one_does(course: Course, ada: User) -> None:
    factories.grade(factories.submit(ada))
    key = due(ada)
    done = at_once(lambda number: deletion.carry_out(), THREADS)
    # Whoever comes while another holds the account leaves it to the other, or to the next round.
    assert sum(done) + deletion.carry_out() == 1
    assert User.objects.get(pk=key).deleted_at and not erasing.erase(key)
    assert StaffAction.objects.filter(what="account_deleted").count() == 1


def test_a_review_is_decided_while_its_author_is_deleted(course: Course, ada: User, grace: User) -> None:
    """The reviewer holds the learner: the deletion waits, and finds the decision."""
    review = cases.waiting(ada)
    key = due(ada)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            reviews.decide(review, by=grace, marks=cases.ALL_MET, reason="Says all.")
            later = pool.submit(lambda: at_once(lambda number: erasing.erase(key, waits=True), 1)[0])
            until_it_waits_or(later.done)
        assert later.result(timeout=PATIENCE_SECONDS)
    review.refresh_from_db()
    assert review.decided_by == grace and review.marks == cases.ALL_MET and review.reason == ""
    assert Score.objects.filter(evaluation__submission__user=key, verified_by="person").exists()
    assert differences() == []


def test_a_review_is_not_decided_once_its_author_is_deleted(
    course: Course, ada: User, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deletion holds the learner: the reviewer waits, and reads that there is nothing to decide."""
    review = cases.waiting(ada)
    key = due(ada)

    def decide() -> str:
        try:
            reviews.decide(Review.objects.get(pk=review.pk), by=grace, marks=cases.ALL_MET, reason="Says all.")
        except (Refused, IntegrityError) as refused:
            return getattr(refused, "code", "integrity")
        return "decided"

    waiting: list[Any] = []
    rows = erasing._delete_rows

    def beside(user: User) -> None:
        rows(user)
        waiting.append(pool.submit(lambda: at_once(lambda number: decide(), 1)[0]))
        until_it_waits_or(waiting[0].done)

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(erasing, "_delete_rows", beside)
        assert erasing.erase(key, waits=True)
        assert waiting[0].result(timeout=PATIENCE_SECONDS) != "decided"
    assert Review.objects.get().decided_at is None and not Score.objects.filter(verified_by="person").exists()
    assert differences() == []


def test_a_worker_records_a_grade_while_the_account_is_deleted(course: Course, ada: User, bob: User) -> None:
    """Either the grade is there before, or the worker has lost its lease; nobody waits for ever."""
    held = [factories.claimed(factories.submit(user)) for user in (ada, bob)]
    keys = [due(user) for user in (ada, bob)]

    def act(number: int) -> str:
        if number % 2:
            return str(erasing.erase(keys[number // 2], waits=True))
        try:
            one = held[number // 2]
            services.record(one.pk, one.fence, services.Outcome(score=0.9, result={"public": {"rows": []}}))
        except LeaseLost:
            return "lost"
        return "recorded"

    at_once(act, 4)
    deletion.carry_out()
    assert not Evaluation.objects.open().exists() and differences() == []
    assert User.objects.filter(pk__in=keys, deletion_due_at=None).count() == 2
    assert set(Submission.objects.values_list("payload_sha256", flat=True)) == {""}


def test_an_attempt_is_handed_in_while_the_account_is_deleted(course: Course, ada: User) -> None:
    key = due(ada)

    def act(number: int) -> str:
        if number == 0:
            return str(erasing.erase(key, waits=True))
        try:
            text = f"later words {number}"
            return str(factories.submit(ada, payload={**factories.PROMPT, "instructions": text}).pk)
        except (Refused, IntegrityError) as refused:
            return getattr(refused, "code", "integrity")

    at_once(act, 6)
    deletion.carry_out()
    assert not Evaluation.objects.open().exists()
    assert not [one for one in Submission.objects.all() if "later words" in str(one.payload)]
