"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge
from gradus.gradebook import cells
from gradus.leaderboards import boards as shown
from gradus.notices.models import Notice
from gradus.refusal import Refused
from gradus.reviews import services as reviews
from gradus.reviews.models import Regraded
from gradus.submissions import services as submissions
from gradus.submissions.models import Annulment, Evaluation, Mark, Slot, Submission
from gradus.submissions.results import board_decisions
from gradus.submissions.results.standings import differences
from tests import factories
from tests.postgres.gradebook import recorded
from tests.postgres.releases import beside
from tests.threads import at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
HIDDEN = Mark.Kind.HIDDEN
TIMES = 4


@pytest.fixture
def attempt(transactional_db: None, sea_or_sky: Challenge, ada: User) -> Submission:
    assert connection.vendor == "postgresql"
    factories.member(factories.a_class(sea_or_sky.course), ada)
    made = factories.submit(ada)
    factories.grade(made, 0.5)
    Slot.objects.all().delete()
    return made


def codes(work: Callable[[], Any]) -> list[str]:
    """What became of each of several calls at once: the code of its refusal, or nothing."""

    def once(_number: int) -> str:
        try:
            work()
        except Refused as refused:
            return refused.code
        return ""

    return sorted(at_once(once, TIMES))


def test_of_several_decisions_at_once_one_is_made(attempt: Submission, ada: User, grace: User) -> None:
    found = codes(lambda: board_decisions.mark(ada, attempt.challenge, HIDDEN, by=grace, reason="Copied"))
    assert found == ["", *["marked_already"] * (TIMES - 1)]
    mark = Mark.objects.get()
    assert codes(lambda: board_decisions.answer(mark, "Mine", by=ada)) == ["", *["answered_already"] * (TIMES - 1)]
    assert codes(lambda: board_decisions.keep_hidden(mark, by=grace)) == ["", *["ended_already"] * (TIMES - 1)]
    assert codes(lambda: board_decisions.end_mark(mark, by=grace)) == ["", *["ended_already"] * (TIMES - 1)]
    found = codes(lambda: board_decisions.annul(attempt, by=grace, reason="Copied"))
    assert found == ["", *["annulled_already"] * (TIMES - 1)]
    annulment = Annulment.objects.get()
    assert codes(lambda: board_decisions.end_annulment(annulment, by=grace)) == ["", *["ended_already"] * (TIMES - 1)]
    kinds = Notice.objects.filter(user=ada).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["hidden", "kept", "restored", "annulled", "counts"]
    assert StaffAction.objects.filter(about=str(attempt.challenge)).count() == 5


@pytest.mark.parametrize("begins", ["worker", "teacher"])
def test_an_attempt_is_annulled_while_a_worker_records_its_grade(
    attempt: Submission, ada: User, grace: User, begins: str
) -> None:
    newer = factories.submit(ada)
    steps = [recorded(0.9), lambda: board_decisions.annul(newer, by=grace, reason="Copied")]
    beside(*(steps if begins == "worker" else reversed(steps)))
    assert [row.score for row in shown.board(attempt.challenge, "prompt", None).rows] == [0.5]
    assert not differences()
    assert cells.differences(attempt.of_class) == []


@pytest.mark.parametrize("begins", ["learner", "teacher"])
def test_an_entry_is_hidden_while_its_learner_submits(attempt: Submission, ada: User, grace: User, begins: str) -> None:
    given = (ada, attempt.challenge, factories.PROMPT)
    steps = [
        lambda: submissions.submit(*given, idempotency_key="again"),
        lambda: board_decisions.mark(ada, attempt.challenge, HIDDEN, by=grace, reason="Copied"),
    ]
    beside(*(steps if begins == "learner" else reversed(steps)))
    factories.grade(Submission.objects.get(idempotency_key="again"), 0.9)
    assert shown.board(attempt.challenge, "prompt", None).rows == []
    board_decisions.end_mark(Mark.objects.get(), by=grace)
    assert [row.score for row in shown.board(attempt.challenge, "prompt", None).rows] == [0.9]


def test_of_several_regrades_of_a_learner_at_once_one_begins(attempt: Submission, ada: User, grace: User) -> None:
    found = codes(lambda: reviews.regrade_learner(ada, attempt.challenge, by=grace, reason="Again"))
    assert found == ["", *["open_regrade"] * (TIMES - 1)]
    assert Evaluation.objects.open().count() == 1 == Regraded.objects.count()


@pytest.mark.parametrize("begins", ["approval", "teacher"])
def test_an_attempt_is_annulled_while_its_regrade_is_approved(
    attempt: Submission, ada: User, grace: User, begins: str
) -> None:
    regrade = reviews.regrade_learner(ada, attempt.challenge, by=grace, reason="Again")
    recorded(0.9)()
    steps = [
        lambda: reviews.approve(regrade, by=grace, lower=False),
        lambda: board_decisions.annul(attempt, by=grace, reason="Copied"),
    ]
    beside(*(steps if begins == "approval" else reversed(steps)))
    attempt.refresh_from_db()
    assert attempt.annulled and attempt.current.score.shown == 0.9
    assert shown.board(attempt.challenge, "prompt", None).rows == []
    assert not differences()
    assert cells.differences(attempt.of_class) == []
