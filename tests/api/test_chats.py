from __future__ import annotations

import pytest

from gradus.accounts.models import User
from gradus.chats import services as chats
from gradus.chats.models import ChatMessage
from gradus.courses.models import Course
from gradus.submissions.models import Submission
from tests import factories
from tests.api.conftest import Caller, problem


@pytest.fixture
def attempt(ada: User, course: Course) -> Submission:
    return factories.trained(ada)


def test_a_message_and_both_answers(ada_api: Caller, attempt: Submission) -> None:
    sent = ada_api.post(f"/submissions/{attempt.uuid}/chat", {"text": "a heron", "style": "plain"})
    assert sent.status_code == 201
    message = ChatMessage.objects.get()
    body, path = sent.json(), f"/runs/{message.run.uuid}/chat"
    assert sent["Location"] == f"/api/v1{path}"
    assert (body["status"], body["queue_position"], body["base"], body["style"]) == ("queued", 1, None, "plain")
    factories.grade(message.run, None, result={"chat": factories.CHAT})
    found = ada_api.get(path).json()
    assert found["trained"]["text"] == "sky, of course" and found["prompt"] == "Thing: a heron\nPlace:"
    assert found["base"]["tokens"][0] == {
        "text": "Her",
        "probability": 0.5,
        "rivals": [{"text": "Her", "probability": 0.5}, {"text": "", "probability": 0.25}],
    }
    assert ada_api.get(f"/submissions/{attempt.uuid}/chat").json() == [found]


def test_what_is_refused_has_a_code(ada_api: Caller, attempt: Submission) -> None:
    path = f"/submissions/{attempt.uuid}/chat"
    problem(ada_api.post(path, {"text": " "}), 422, "empty")
    problem(ada_api.post(path, {"text": "x" * 1001}), 422, "bad_payload")
    problem(ada_api.post(path, {"text": "x", "style": "loud"}), 422, "bad_payload")
    chats.send(attempt, "a heron", "plain")
    problem(ada_api.post(path, {"text": "x"}), 429, "chat_open")


def test_an_error_speaks_of_the_message(ada_api: Caller, attempt: Submission) -> None:
    message = chats.send(attempt, "a heron", "plain")
    assert ada_api.post(f"/runs/{message.run.uuid}/cancel").status_code == 200
    found = ada_api.get(f"/runs/{message.run.uuid}/chat").json()
    assert found["error"] == {"code": "run_cancelled", "message": "You cancelled this message."}


def test_nobody_else_finds_it(bob_api: Caller, attempt: Submission) -> None:
    message = chats.send(attempt, "a heron", "plain")
    path = f"/submissions/{attempt.uuid}/chat"
    for answer in (bob_api.get(path), bob_api.post(path, {"text": "x"}), bob_api.get(f"/runs/{message.run.uuid}/chat")):
        problem(answer, 404, "not_found")
