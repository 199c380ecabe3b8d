"""Attempts that staff run again: what is compared, who may ask, and that nothing of it counts or reaches a learner."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import Client

from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge
from gradus.fleet.jobs import job_of
from gradus.leaderboards import boards
from gradus.own_data import document
from gradus.refusal import Refused
from gradus.reviews.models import Regrade
from gradus.submissions import queue, services
from gradus.submissions.models import Evaluation, Event, Rerun, Run, Score, Slot, Standing, Submission
from gradus.submissions.services.reruns import run_again
from gradus.submissions.states import State
from tests import factories
from tests.workers.jobs import prepared


@pytest.fixture
def teacher(sea_or_sky: Challenge) -> User:
    made = factories.UserFactory.create()
    factories.enrol(made, sea_or_sky.course, factories.TEACHER)
    return made


def graded(user: User, score: float = 0.8) -> Submission:
    made = factories.submit(user)
    factories.grade(made, score)
    return made


def end(rerun: Rerun, score: float | None) -> None:
    assert rerun.run is not None
    claimed = services.claim(rerun.run.current.lane, worker="worker-2", profile="cpu/float32/2")
    assert claimed is not None and claimed.run == rerun.run
    services.record(claimed.pk, claimed.fence, services.Outcome(result={}, score=score))


def of_learner(user: User, challenge: Challenge) -> Any:
    """Everything by which a learner, a board or a reviewer could see a run."""
    board = boards.board(challenge, "prompt", user)
    return (
        [(row.rank, row.score) for row in board.rows],
        list(Standing.objects.values()),
        list(Score.objects.values()),
        list(Slot.objects.values()),
        list(Evaluation.objects.filter(submission__isnull=False).values()),
        list(Event.objects.filter(evaluation__submission__isnull=False).values()),
        list(document.submissions(user)),
        list(document.runs(user)),
        user.notices.count(),
        Regrade.objects.count(),
    )


@pytest.mark.parametrize(("score", "differs"), [(0.8, False), (0.81, False), (0.3, True), (0.95, True)])
def test_a_run_is_compared_and_counts_nowhere(
    sea_or_sky: Challenge, ada: User, teacher: User, score: float, differs: bool
) -> None:
    attempt = graded(ada)
    before = of_learner(ada, sea_or_sky)
    (rerun,) = run_again(attempt, by=teacher)
    assert rerun.run is not None and rerun.run.user is None and rerun.run.payload == {}
    end(rerun, score)
    rerun.refresh_from_db()
    assert (rerun.value, rerun.before, rerun.engine_profile) == (score, 0.8, "cpu/float32/2")
    assert rerun.differs is differs
    assert of_learner(ada, sea_or_sky) == before
    assert StaffAction.objects.filter(what="attempt_rerun").count() == 1


def test_the_worker_grades_the_payload_of_the_attempt_on_hidden_rows_after_learners(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    attempt = graded(ada)
    (rerun,) = run_again(attempt, by=teacher)
    assert rerun.run is not None
    assert rerun.run.current.fair_share_rank == queue.VERIFICATION_RANK and job_of(rerun.run.current).gives_way
    with prepared(rerun.run.current) as again, prepared(attempt.current) as first:
        assert (again.payload, again.draw, again.bundle) == (first.payload, first.draw, first.bundle)
    assert job_of(rerun.run.current).on_hidden_rows
    other = factories.submit(bob)
    claimed = services.claim("grade", worker="worker-1", profile="cpu/float32/1")
    assert claimed is not None and claimed.submission == other
    assert services.regrade(attempt).state == State.QUEUED, "the attempt stays free for what else is to be done"


def test_a_method_that_trains_runs_with_other_seeds(sea_or_sky: Challenge, ada: User, teacher: User) -> None:
    attempt = factories.trained(ada)
    made = run_again(attempt, by=teacher, others=2)
    own = made[0].seed
    assert [(one.seed, one.own_seed) for one in made] == [(own, True), (own + 1, False), (own + 2, False)]
    assert made[2].run is not None
    with prepared(made[2].run.current) as assignment:
        assert assignment.bundle.seed == own + 2
    with pytest.raises(Refused, match="already"):
        run_again(attempt, by=teacher)
    with pytest.raises(Refused, match="numbers"):
        run_again(attempt, by=teacher, others=4)


def test_who_may_and_of_what(sea_or_sky: Challenge, explain: Challenge, ada: User, bob: User, teacher: User) -> None:
    attempt = graded(ada)
    with pytest.raises(Http404):
        run_again(attempt, by=bob)
    with pytest.raises(Refused, match="numbers"):
        run_again(attempt, by=teacher, others=1)
    with pytest.raises(Refused, match="own entry"):
        run_again(graded(teacher), by=teacher)
    with pytest.raises(Refused, match="no score"):
        run_again(factories.submit(bob), by=teacher)
    written = factories.submit(ada, "explain", factories.FREE_TEXT)
    with pytest.raises(Refused, match="judge"):
        run_again(written, by=teacher)
    assert not Rerun.objects.exists() and not Run.objects.filter(purpose="again").exists()


def test_a_run_that_fails_says_so_and_another_can_be_asked(sea_or_sky: Challenge, ada: User, teacher: User) -> None:
    attempt = graded(ada)
    (rerun,) = run_again(attempt, by=teacher)
    claimed = services.claim("grade", worker="worker-2", profile="cpu/float32/2")
    assert claimed is not None
    services.reject(claimed.pk, claimed.fence, "internal")
    rerun.refresh_from_db()
    assert (rerun.error_code, rerun.value) == ("internal", None)
    run_again(attempt, by=teacher)
    with pytest.raises(IntegrityError, match="constraint"), transaction.atomic():
        Rerun.objects.update(finished_at=None, value=0.4)


def test_the_desk_asks_and_shows_and_learners_see_nothing(
    client: Client, sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    attempt = graded(ada)
    entry = f"/teach/boards/sea-or-sky/{ada.pk}/"
    client.force_login(teacher)
    answer = client.post(entry, {"action": "again", "attempt": attempt.pk}, follow=True)
    assert "behind learners" in answer.content.decode()
    end(Rerun.objects.get(), 0.3)
    assert "more than a step" in client.get(entry).content.decode()
    client.force_login(bob)
    assert client.post(entry, {"action": "again", "attempt": attempt.pk}).status_code == 404
    run = Run.objects.get(purpose="again")
    for person in (ada, teacher):
        client.force_login(person)
        assert client.get(f"/runs/{run.uuid}/").status_code == 404
        assert client.get(f"/api/v1/runs/{run.uuid}").status_code == 404
