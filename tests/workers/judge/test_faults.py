"""When an endpoint fails, staff read what is wrong and how to fix it, the grade waits, and nothing is lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from django.core.management import call_command
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gradus.accounts.models import User
from gradus.courses.models import Calibration, Challenge
from gradus.reviews.models import Budget, JudgeCall
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Event, Score, Slot, Submission, WorkerStatus
from tests import factories
from tests.judge_server import MODEL, JudgeServer, completion, judgement
from tests.workers.test_work import TableRunner
from workers.judge.client import JudgeClient
from workers.transport import judging
from workers.work import Worker

HTML = Response("<html>Sign in to the hotel network</html>", content_type="text/html")
MET = {"cause": "weights keep old facts", "remedy": "a look-up reads the newest ones", "no-myth": ""}
_keys = count()


def fails(status: int, headers: dict[str, str] | None = None) -> Callable[[Request], Response]:
    return lambda _: Response('{"error": {"message": "no"}}', status, headers, content_type="application/json")


def says(content: str | None, finish: str = "stop") -> Callable[[Request], Response]:
    """A correct answer to the probe, and `content` for a question."""

    def answer(request: Request) -> Response:
        probing = len(json.loads(request.get_data())["messages"]) == 1
        return completion('{"ok": true}') if probing else completion(content, finish=finish)

    return answer


def after_probe(response: Response) -> Callable[[Request], Response]:
    return lambda request: says("")(request) if len(json.loads(request.get_data())["messages"]) == 1 else response


@pytest.fixture
def server(httpserver: HTTPServer) -> JudgeServer:
    marks = [(id, "met", [quote] if quote else []) for id, quote in MET.items()]
    return JudgeServer(httpserver, lambda asked: judgement(marks))


@pytest.fixture
def worker(server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker of the judge lane whose endpoint is the server, with a timeout of half a second."""
    made: list[JudgeClient] = []

    def from_environment(store: object) -> JudgeClient:
        made.append(JudgeClient("judge", server.url, key, store, timeout=0.5))  # type: ignore[arg-type]
        return made[-1]

    key = f"fault-key-{next(_keys)}"
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "judge")
    monkeypatch.setattr(judging.JudgeClient, "from_environment", from_environment)
    yield Worker("judge", runner=TableRunner())
    for client in made:
        assert client.client is not None
        client.client.close()


@pytest.fixture
def submission(ada: User, explain: Challenge) -> Submission:
    return factories.submit(ada, "explain", factories.FREE_TEXT)


def problem() -> str:
    return WorkerStatus.objects.get(lane="judge").problem


WAITING = [
    (fails(401), "OPENAI_API_KEY"),
    (fails(404), "GRADUS_JUDGE_MODEL"),
    (lambda _: HTML, "OPENAI_BASE_URL"),
    (fails(307, {"Location": "http://169.254.169.254/latest/meta-data/"}), "not followed"),
    (fails(429, {"Retry-After": "42"}), "credit"),
    (fails(500), "fails (500)"),
]
PROVISIONAL = [
    (says("I think that all of it is right."), "JSON schema"),
    (says('{"criteria": ['), "JSON schema"),
    (says(None), "JSON schema"),
    (says("{}", finish="length"), "JSON schema"),
    (says(json.dumps(judgement([("cause", "met", [])]) | {"score": 1})), "JSON schema"),
    (says(json.dumps(judgement([])) * 2), "JSON schema"),
    (after_probe(HTML), "proxy"),
    (after_probe(Response('{"choices": []}', content_type="application/json")), "proxy"),
]


@pytest.mark.parametrize(("fault", "advice"), WAITING, ids=["key", "model", "html", "redirect", "429", "500"])
def test_a_grade_waits_and_is_made_when_the_endpoint_is_mended(
    worker: Worker, server: JudgeServer, submission: Submission, fault: Callable[[Request], Response], advice: str
) -> None:
    server.fault = fault
    assert worker.step()
    assert submission.current.state == "queued"
    assert submission.current.attempt == 0
    assert Slot.objects.of(limits.ATTEMPTS).filter(submission=submission).exists()
    assert advice in problem()

    server.fault = None
    Evaluation.objects.update(available_at="2020-01-01T00:00Z")
    assert worker.step()
    assert submission.current.state == "review"
    assert problem() == ""


def lies(request: Request) -> Response:
    """A usable judgement with a count of tokens that no budget and no column holds."""
    marks = [(id, "met", [quote] if quote else []) for id, quote in MET.items()]
    content = '{"ok": true}' if len(json.loads(request.get_data())["messages"]) == 1 else json.dumps(judgement(marks))
    body = json.loads(completion(content).get_data())
    body["usage"] = {"prompt_tokens": 100, "completion_tokens": 10**12}
    return Response(json.dumps(body), content_type="application/json")


def test_a_judge_that_lies_about_tokens_spends_what_was_reserved_and_grades(
    worker: Worker, server: JudgeServer, submission: Submission
) -> None:
    server.fault = lies
    assert worker.step()
    assert (submission.current.state, submission.current.error_code) == ("review", "")
    calls = JudgeCall.objects.filter(evaluation=submission.current)
    assert calls and not calls.exclude(prompt_tokens=0, completion_tokens=0, cost_micros=None).exists()
    for budget in Budget.objects.all():
        assert 0 < budget.spent <= len(calls) * 10_000 < budget.allowed
    assert "numbers of tokens" in problem()


@pytest.mark.parametrize(
    ("fault", "advice"),
    PROVISIONAL,
    ids=["plain text", "truncated", "empty", "cut off", "extra key", "twice", "html later", "no choices"],
)
def test_a_reply_that_cannot_be_used_leaves_a_provisional_grade(
    worker: Worker, server: JudgeServer, submission: Submission, fault: Callable[[Request], Response], advice: str
) -> None:
    server.fault = fault
    assert worker.step()
    evaluation = submission.current
    assert (evaluation.state, evaluation.score.provisional, evaluation.score.judge) == ("review", True, "")
    assert advice in problem()
    assert JudgeCall.objects.filter(evaluation=evaluation).exclude(problem="").count() == 3
    assert evaluation.review.reasons[0] == "unscored: no usable reply"


def test_a_silent_endpoint_is_named_also_by_the_doctor(
    worker: Worker, server: JudgeServer, submission: Submission, capsys: pytest.CaptureFixture[str]
) -> None:
    release = threading.Event()

    def silent(request: Request) -> Response:
        release.wait(10)
        return Response("{}")

    server.fault = silent
    try:
        assert worker.step()
    finally:
        release.set()
    postponed = Event.objects.get(evaluation=submission.current, type="postponed")
    assert (submission.current.state, postponed.data["reason"]) == ("queued", "judge_timeout")
    assert "did not answer within 0.5 s" in problem()
    with pytest.raises(SystemExit):
        call_command("doctor")
    assert "GRADUS_JUDGE_MODEL" in problem() and "GRADUS_JUDGE_MODEL" in capsys.readouterr().out


def test_a_final_score_names_the_calibration_behind_it(
    worker: Worker, server: JudgeServer, submission: Submission
) -> None:
    from graders.free_text.judge.messages import version

    passed = Calibration.objects.create(
        version=submission.version, model=MODEL, template=version(), passed=True, report={}
    )
    assert worker.step()
    score = Score.objects.get(evaluation=submission.current)
    assert score.judge == f"{MODEL} {version()}"
    assert score.calibration == passed
    assert server.bodies
