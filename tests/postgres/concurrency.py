"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gradus.courses import bundles, catalogue
from gradus.laboratory import own_sets
from gradus.laboratory.models import Contribution
from gradus.reconciling import reconciler
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Event, Refund, Run, Slot, Standing, Submission
from gradus.submissions.results.standings import differences
from gradus.submissions.services import Refused
from tests import factories
from tests.learn.findings import made_up
from tests.threads import THREADS, at_once
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def on_postgresql(transactional_db):
    assert connection.vendor == "postgresql"


def claim(number: int = 0) -> Evaluation | None:
    return services.claim("grade", worker=f"worker-{number}", profile="cpu/float32/1")


def test_many_workers_claim_each_evaluation_exactly_once(course):
    learners = factories.UserFactory.create_batch(12)
    waiting = {factories.submit(user).current.pk for user in learners for _ in range(2)}

    def until_none_is_left(number: int) -> list[int]:
        return [evaluation.pk for evaluation in iter(lambda: claim(number), None)]

    claimed = [pk for found in at_once(until_none_is_left, THREADS) for pk in found]
    assert sorted(claimed) == sorted(waiting)
    assert set(Evaluation.objects.values_list("fence", "attempt", "state")) == {(1, 1, "running")}


def test_a_claim_steps_over_a_row_that_another_holds(ada, bob, course):
    first, second = factories.submit(ada), factories.submit(bob)
    with transaction.atomic(), ThreadPoolExecutor(1) as other:
        held = Evaluation.objects.select_for_update().get(pk=first.current.pk)
        claimed = other.submit(lambda: at_once(claim, 1)[0]).result(timeout=PATIENCE_SECONDS)

    assert (held.submission, claimed.submission) == (first, second)


def test_two_grades_at_once_leave_the_better_one_standing(ada, sea_or_sky):
    first, second = factories.submit(ada), factories.submit(ada)
    held = [claim() for _ in (first, second)]

    def record(evaluation: Evaluation, score: float) -> None:
        services.record(evaluation.pk, evaluation.fence, services.Outcome(result={}, score=score))

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            record(held[0], 0.9)
            later = other.submit(lambda: at_once(lambda number: record(held[1], 0.5), 1))
            until_it_waits_or(later.done)
        later.result(timeout=PATIENCE_SECONDS)

    assert Standing.objects.get().shown == first.current.score.shown > second.current.score.shown
    assert differences() == []


def until_it_waits_or(has_ended: Callable[[], bool]) -> None:
    """Returns when what was begun in another transaction waits for a lock, or has ended."""
    wait_until(lambda: has_ended() or somebody_waits())


def somebody_waits() -> bool:
    """For a lock that another transaction holds."""
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted")
        return bool(cursor.fetchone()[0])


def test_a_claim_asks_for_skip_locked(ada, course):
    factories.submit(ada)
    with CaptureQueriesContext(connection) as queries:
        claim()

    assert [query for query in queries if "FOR UPDATE SKIP LOCKED" in query["sql"]]


def test_parallel_submits_take_exactly_the_last_attempt(ada, sea_or_sky):
    allowed = sea_or_sky.spec.limits.attempts_per_day
    for _ in range(allowed - 1):
        factories.grade(factories.submit(ada))

    def attempt(number: int) -> str:
        try:
            services.submit(ada, sea_or_sky, factories.PROMPT, idempotency_key=uuid.uuid4().hex)
            return "taken"
        except Refused as refused:
            return refused.code

    results = at_once(attempt, 16)
    assert results.count("taken") == 1
    assert set(results) == {"taken", "over_quota"}
    assert (
        Slot.objects.of(limits.ATTEMPTS).count() == Submission.objects.count() == Evaluation.objects.count() == allowed
    )


def test_the_same_key_at_once_makes_one_submission(ada, sea_or_sky):
    def attempt(number: int) -> tuple[int, bool]:
        submission, is_new = services.submit(ada, sea_or_sky, factories.PROMPT, idempotency_key="the-same")
        return submission.pk, is_new

    results = at_once(attempt, THREADS)
    assert len({pk for pk, _ in results}) == 1
    assert [is_new for _, is_new in results].count(True) == 1
    assert Submission.objects.count() == Slot.objects.of(limits.ATTEMPTS).count() == 1


def lose_leases(count: int, **values: Any) -> None:
    """Submissions whose workers were lost a moment ago."""
    for user in factories.UserFactory.create_batch(count):
        factories.submit(user)
        assert claim() is not None
    Evaluation.objects.update(**{"lease_until": timezone.now() - timedelta(seconds=1), **values})


def test_several_reconcilers_requeue_each_lost_evaluation_once(course):
    lose_leases(12)
    rounds = at_once(lambda number: reconciler.sweep(), THREADS)

    assert sum(done["requeued"] for done in rounds) == 12
    assert set(Evaluation.objects.values_list("state", "attempt", "fence")) == {("queued", 1, 1)}


def test_several_reconcilers_fail_and_refund_each_exhausted_evaluation_once(course):
    lose_leases(12, attempt=5)
    rounds = at_once(lambda number: reconciler.sweep(), THREADS)

    assert sum(done["failed"] for done in rounds) == 12
    assert set(Evaluation.objects.values_list("state", "error_code")) == {("failed", "worker_lost")}
    assert (Refund.objects.count(), Slot.objects.of(limits.ATTEMPTS).count()) == (12, 0)
    assert Event.objects.filter(type="finished").count() == 12


@pytest.mark.parametrize(
    ("values", "done"),
    [
        ({}, "requeued"),
        ({"attempt": 5}, "failed"),
        ({"state": "queued", "lease_until": None, "engine_profile": "cpu/float32/99"}, "unbound"),
    ],
)
def test_a_sweep_steps_over_a_row_that_another_holds(course, values, done):
    lose_leases(2, **values)
    with transaction.atomic(), ThreadPoolExecutor(1) as other:
        Evaluation.objects.select_for_update().first()
        (swept,) = other.submit(lambda: at_once(lambda number: reconciler.sweep(), 1)).result(timeout=PATIENCE_SECONDS)

    assert swept[done] == 1
    assert reconciler.sweep()[done] == 1


def test_two_arms_that_end_at_once_make_one_dot(ada, tmp_path):
    made_up.lesson(tmp_path / "c")
    lesson = catalogue.now().lesson("first")
    own_sets.start(lesson, lesson.parsed_findings[0], ada, own_sets.Guess("few", 0.9))
    held = [services.claim("interactive", worker=f"worker-{n}", profile="cpu/float32/1") for n in range(2)]

    def record(evaluation: Evaluation) -> None:
        result = factories.result_for(evaluation.run)
        services.record(evaluation.pk, evaluation.fence, services.Outcome(result=result))

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            record(held[0])
            later = other.submit(lambda: at_once(lambda number: record(held[1]), 1))
            until_it_waits_or(later.done)
        later.result(timeout=PATIENCE_SECONDS)

    one = Contribution.objects.get()
    assert set(one.scores["sea-or-sky"]) == {"zero", "few"} and one.prediction.outcome == 0.5


def test_parallel_presses_begin_one_set(ada, tmp_path):
    made_up.lesson(tmp_path / "c")
    lesson = catalogue.now().lesson("first")

    def press(number: int) -> str:
        try:
            own_sets.start(lesson, lesson.parsed_findings[0], ada)
            return "started"
        except Refused as refused:
            return refused.code

    answers = at_once(press, 4)
    assert "started" in answers and Contribution.objects.count() == 1, answers


@pytest.mark.parametrize("what", ["attempt", "baseline"])
def test_parallel_presses_start_one_measurement(ada, bob, course, what):
    challenge = factories.challenge("sea-or-sky")
    attempt = factories.submit(ada)
    factories.grade(attempt)
    file = bundles.load(challenge.version).baselines[0].ref.file

    def press(number: int) -> int:
        if what == "attempt":
            return services.measure_attempt(ada, challenge, attempt).pk
        return services.measure_baseline((ada, bob)[number % 2], challenge, file).pk

    assert len(set(at_once(press, 25))) == 1
    assert (
        Run.objects.count()
        == Slot.objects.of(limits.OPEN_MEASUREMENT).count()
        == Slot.objects.of(limits.MEASUREMENTS).count()
        == 1
    )


def test_parallel_submits_of_a_network_take_exactly_its_last_attempts(course, settings):
    settings.NETWORK_ATTEMPTS = 12
    challenge = factories.challenge("sea-or-sky")
    learners = factories.UserFactory.create_batch(24)

    def attempt(number: int) -> str:
        try:
            services.submit(learners[number], challenge, factories.PROMPT, idempotency_key="a", network="n")
            return "taken"
        except Refused as refused:
            return refused.code

    results = at_once(attempt, 24)
    assert results.count("taken") == 12 and set(results) == {"taken", "network_limit"}, results
    assert Slot.objects.of(limits.NETWORK_ATTEMPTS).count() == Submission.objects.count() == 12
