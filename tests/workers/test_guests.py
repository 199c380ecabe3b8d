"""The judge is not asked about the answer of a visitor without an account, and the visitor is told so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import services as reviews
from gradus.reviews.models import Appeal, Budget, JudgeCall, Review
from gradus.reviews.review_reasons import in_words
from gradus.reviews.who_grades import GUEST_NOTE
from gradus.submissions import services
from gradus.submissions.models import Grader
from tests import factories
from tests.judge_server import JudgeServer, judgement
from tests.workers.test_work import TableRunner
from workers.work import Worker

MET = {"cause": ["weights keep old facts"], "remedy": ["a look-up reads the newest ones"], "no-myth": []}


@pytest.fixture
def server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeServer]:
    """The endpoint of this site's judge, which marks every criterion as met."""
    found = JudgeServer(httpserver, lambda asked: judgement([(id, "met", quotes) for id, quotes in MET.items()]))
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "judge")
    monkeypatch.setenv("OPENAI_BASE_URL", found.url)
    monkeypatch.setenv("OPENAI_API_KEY", f"key-of-{httpserver.port}")
    yield found


@pytest.fixture
def worker(server: JudgeServer) -> Worker:
    return Worker("judge", runner=TableRunner())


def test_a_guests_answer_costs_nothing_and_is_provisional(
    guest: User, guest_client: Client, explain: Challenge, worker: Worker, server: JudgeServer, settings: Settings
) -> None:
    submission = factories.submit(guest, "explain", factories.FREE_TEXT)
    assert worker.step()
    assert submission.current.state == "review" and submission.current.score.provisional
    rule = "no-judge: guest"
    assert rule in Review.objects.get().reasons and "no account" in in_words(rule, explain.spec)

    answer = guest_client.get(f"/api/v1/submissions/{submission.uuid}").json()
    assert (answer["verified_by"], answer["guest_note"]) == (None, GUEST_NOTE)
    page = guest_client.get(f"/submissions/{submission.uuid}/").content.decode()
    assert "Provisional." in page and str(GUEST_NOTE) in page

    # A guest's appeal goes directly to a person, and a second grading does not ask a judge either.
    settings.APPEAL_MODEL = "second-judge"
    services.regrade(submission, shadow=True, grader=Grader.SECOND)
    assert worker.step()
    assert submission.evaluations.get(grader=Grader.SECOND).state == "review"
    reviews.appeal(submission, "I named the cause.")
    assert Appeal.objects.get().stage == Appeal.Stage.PERSON
    assert server.server.log == []
    assert not JudgeCall.objects.exists() and not Budget.objects.exists()


@pytest.mark.parametrize("who", ["client", "guest_client"])
def test_a_visitor_reads_it_before_submitting(who: str, explain: Challenge, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(who)
    page = client.get("/challenges/explain/").content.decode()
    assert str(GUEST_NOTE) in page and "An AI grades this answer" not in page
    assert client.get("/api/v1/challenges/explain").json()["guest_note"] == GUEST_NOTE
    assert client.get("/api/v1/challenges/sea-or-sky").json()["guest_note"] is None, "of another kind"


def test_with_an_account_the_same_answer_is_judged(
    ada: User, ada_client: Client, explain: Challenge, worker: Worker, server: JudgeServer
) -> None:
    """Shows that the tests above can fail: for an account, the worker asks the judge."""
    assert str(GUEST_NOTE) not in ada_client.get("/challenges/explain/").content.decode()
    assert ada_client.get("/api/v1/challenges/explain").json()["guest_note"] is None
    submission = factories.submit(ada, "explain", factories.FREE_TEXT)
    assert worker.step()
    assert server.bodies and JudgeCall.objects.exists() and Budget.objects.exists()
    assert ada_client.get(f"/api/v1/submissions/{submission.uuid}").json()["guest_note"] is None
