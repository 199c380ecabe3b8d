"""What a learner sees of a hidden entry and of an annulled attempt, and that nobody else sees anything of them."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge
from gradus.notices.models import Notice
from gradus.refusal import Refused
from gradus.submissions.models import Event, Mark, Submission
from gradus.submissions.results import board_decisions as services
from tests import factories

HIDDEN, FLAG = Mark.Kind.HIDDEN, Mark.Kind.FLAG
WHY, NOTE = "The same prompt as somebody else", "Looks like the other one"
BOARD, ANSWER = "/leaderboards/sea-or-sky/", "/leaderboards/sea-or-sky/hidden/"


@pytest.fixture
def attempt(sea_or_sky: Challenge, ada: User, bob: User) -> Submission:
    factories.grade(factories.submit(bob), 0.7)
    made = factories.submit(ada)
    factories.grade(made, 0.9)
    return made


@pytest.fixture
def hidden(attempt: Submission, ada: User, teacher: User) -> Mark:
    services.mark(ada, attempt.challenge, FLAG, by=teacher, reason=NOTE)
    return services.mark(ada, attempt.challenge, HIDDEN, by=teacher, reason=WHY)


def pages_of(attempt: Submission) -> list[str]:
    """Where a learner could meet a decision about an entry."""
    return [
        BOARD,
        "/leaderboards/",
        "/path/",
        "/notices/",
        "/profile/",
        "/challenges/sea-or-sky/",
        "/challenges/sea-or-sky/history",
        f"/submissions/{attempt.uuid}/",
        "/api/v1/challenges/sea-or-sky/leaderboard",
        "/api/v1/challenges/sea-or-sky/history",
        "/api/v1/notices",
        "/api/v1/submissions",
        f"/api/v1/submissions/{attempt.uuid}",
    ]


def test_the_own_row_says_that_it_is_hidden_and_why(hidden: Mark, ada_client: Client) -> None:
    page = ada_client.get(BOARD)
    assert (page.context["board"].mine.rank, page.context["board"].mine.no_rank) == (None, "hidden")
    assert WHY in page.content.decode() and 'name="answer"' in page.content.decode()
    assert "a person has hidden your entry" in ada_client.get("/leaderboards/").content.decode()
    assert ada_client.get("/api/v1/challenges/sea-or-sky/leaderboard").json()["mine"]["no_rank"] == "hidden"


def test_a_flag_is_nowhere_that_its_learner_looks(hidden: Mark, attempt: Submission, ada_client: Client) -> None:
    for path in [*pages_of(attempt), ANSWER]:
        answer = ada_client.get(path)
        assert answer.status_code == 200 and NOTE not in answer.content.decode(), path
    assert NOTE not in json.dumps(list(Event.objects.values("data")))
    copy = b"".join(ada_client.get("/profile/my-data.json").streaming_content).decode()
    assert WHY in copy and NOTE not in copy


def test_others_see_nothing_of_it(
    hidden: Mark, attempt: Submission, teacher: User, ada: User, bob_client: Client
) -> None:
    services.annul(attempt, by=teacher, reason=WHY)
    services.answer(hidden, "It is my own.", by=ada)
    for client in (bob_client, Client()):
        for path in pages_of(attempt):
            text = client.get(path).content.decode()
            assert not [said for said in (WHY, NOTE, "enchantress", "It is my own.") if said in text], path
    assert bob_client.get(ANSWER)["Location"] == BOARD


def test_a_learner_answers_once(hidden: Mark, ada: User, ada_client: Client, teacher: User) -> None:
    assert ada_client.post(ANSWER, {"answer": "I wrote it\r\non Monday."})["Location"] == ANSWER
    hidden.refresh_from_db()
    assert hidden.answer == "I wrote it\non Monday." and hidden.answered_at is not None
    page = ada_client.get(BOARD).content.decode()
    assert "on Monday." in page and 'name="answer"' not in page
    ada_client.post(ANSWER, {"answer": "And another thing."})
    with pytest.raises(Refused, match="answered already"):
        services.answer(hidden, "And another thing.", by=ada)
    hidden.refresh_from_db()
    assert hidden.answer == "I wrote it\non Monday."


@pytest.mark.parametrize("text", ["", " \r\n ", "x" * 2001, "a\x07b"])
def test_an_answer_that_is_refused_stays_in_its_field(hidden: Mark, ada_client: Client, text: str) -> None:
    answer = ada_client.post(ANSWER, {"answer": text})
    assert answer.status_code == 422 and answer.context["text"] == text
    assert 'id="hiding-problem"' in answer.content.decode()
    hidden.refresh_from_db()
    assert hidden.answered_at is None


def test_an_answer_is_read_once_and_the_learner_is_told(hidden: Mark, ada: User, teacher: User, ada_client) -> None:
    with pytest.raises(Refused, match="No answer waits"):
        services.keep_hidden(hidden, by=teacher)
    services.answer(hidden, "It is my own.", by=ada)
    services.keep_hidden(hidden, by=teacher)
    with pytest.raises(Refused, match="No answer waits"):
        services.keep_hidden(hidden, by=teacher)
    assert StaffAction.objects.filter(what="answer_read").count() == 1
    assert "your entry stays hidden" in ada_client.get(BOARD).content.decode()
    assert "Your answer about the leaderboard" in ada_client.get("/notices/").content.decode()


def test_nothing_is_answered_after_the_entry_is_restored(hidden: Mark, ada: User, teacher: User, ada_client) -> None:
    services.end_mark(hidden, by=teacher)
    assert ada_client.post(ANSWER, {"answer": "Late"})["Location"] == BOARD
    with pytest.raises(Refused, match="no longer hidden"):
        services.answer(hidden, "Late", by=ada)
    assert ada_client.get(BOARD).context["board"].mine.rank == 1
    shown = ada_client.get("/notices/").content.decode()
    assert "is shown again" in shown and WHY in shown


def test_an_annulled_attempt_says_so_where_it_is_listed(
    attempt: Submission, ada: User, teacher: User, ada_client: Client
) -> None:
    annulment = services.annul(attempt, by=teacher, reason=WHY)
    page, listed = f"/submissions/{attempt.uuid}/", "/challenges/sea-or-sky/history"
    assert "This attempt does not count." in ada_client.get(page).content.decode()
    assert WHY in ada_client.get(page).content.decode()
    assert "annulled: it does not count" in ada_client.get(listed).content.decode()
    (notice,) = Notice.objects.filter(user=ada)
    assert (notice.kind, notice.address) == ("annulled", page)
    assert WHY in ada_client.get("/api/v1/notices").json()[0]["text"]
    copy = json.loads(b"".join(ada_client.get("/profile/my-data.json").streaming_content))
    assert [one["reason"] for one in copy["submissions"][0]["annulled"]] == [WHY]
    services.end_annulment(annulment, by=teacher)
    assert "does not count" not in ada_client.get(page).content.decode()
    assert "counts again" in ada_client.get("/notices/").content.decode()
