"""Following a stream that breaks, against a loopback server; and what the command line may import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gradus.cli.client import Api, Config, Event, Failure, parsed, worded
from gradus.cli.learners import finish
from gradus.cli.output import Follower, out

STREAM = "text/event-stream"


@pytest.fixture
def api(httpserver: HTTPServer) -> Iterator[Api]:
    with Api(Config(httpserver.url_for("").rstrip("/"), "gradus_x")) as api:
        yield api


def test_a_broken_stream_goes_on_after_the_last_event(api: Api, httpserver: HTTPServer) -> None:
    asked: list[str | None] = []
    bodies = iter(
        [
            'event: state\ndata: {"status": "queued"}\n\nid: 1\nevent: started\ndata: {"attempt": 1}\n\nid: 2\neve',
            ": alive\n\nid: 2\nevent: finished\ndata: {}\n\n",
        ]
    )

    def answer(request: Request) -> Response:
        asked.append(request.headers.get("Last-Event-ID"))
        return Response(next(bodies), content_type=STREAM)

    httpserver.expect_request("/api/v1/runs/x/events").respond_with_handler(answer)
    events = list(api.events("runs/x/events"))
    assert events == [
        Event("state", {"status": "queued"}),
        Event("started", {"attempt": 1}, 1),
        Event("finished", {}, 2),
    ]
    assert asked == [None, "1"]


def test_whoever_follows_a_job_reads_first_how_long_it_takes(
    api: Api, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    job = {"status": "scored", "takes": "Usually 20 s to 35 s here."}
    httpserver.expect_request("/api/v1/runs/x").respond_with_json(job)
    body = "id: 1\nevent: finished\ndata: {}\n\n"
    httpserver.expect_request("/api/v1/runs/x/events").respond_with_data(body, content_type=STREAM)
    finish(api, "runs/x", json=True)
    assert "Usually 20 s to 35 s here." in capsys.readouterr().err


def test_a_stream_that_only_breaks_ends(api: Api, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/runs/x/events").respond_with_data("", content_type=STREAM)
    with pytest.raises(Failure) as caught:
        list(api.events("runs/x/events"))
    assert caught.value.code == 4


def test_a_refused_stream_says_why(api: Api, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/runs/x/events").respond_with_json({"detail": "Gone."}, status=404)
    with pytest.raises(Failure, match="Gone"):
        list(api.events("runs/x/events"))


def test_a_page_that_is_no_api(api: Api, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/courses").respond_with_data("<html>", status=502)
    with pytest.raises(Failure, match="502"):
        api.get("courses")


def test_a_problem_is_printed_only_if_it_says_more_than_the_message(api: Api, httpserver: HTTPServer) -> None:
    said, more = "The answer has 2 words; write between 10 and 200.", "The name is taken."
    problems = [{"field": "answer", "message": said}, {"field": "name", "message": more}]
    httpserver.expect_request("/api/v1/courses").respond_with_json({"detail": said, "problems": problems}, status=422)
    with pytest.raises(Failure) as refused:
        api.get("courses")
    assert (str(refused.value), refused.value.problems) == (said, (f"name: {more}",))
    assert refused.value.details == tuple(problems)


def test_retry_after_is_told(api: Api, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/courses").respond_with_json(
        {"detail": "Too many.", "problems": []}, status=429, headers={"Retry-After": "7"}
    )
    with pytest.raises(Failure, match="Try again in 7 s"):
        api.get("courses")


def test_a_config_that_is_no_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "gradus").mkdir()
    (tmp_path / "gradus" / "config.toml").write_text("url = \n")
    with pytest.raises(Failure, match=r"config\.toml"):
        Config.load()


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ({"field": "rows", "line": 3, "message": "Too long."}, "rows: 3: Too long."),
        ({"field": "answer", "line": None, "message": "Empty."}, "answer: Empty."),
        ({"field": "", "message": "No."}, "No."),
    ],
)
def test_problems_in_words(problem: dict[str, object], said: str) -> None:
    assert worded(problem) == said


def test_lines_that_are_no_event() -> None:
    assert list(parsed(iter([": alive", "", "id: 3", "", "data: {}", ""]))) == [Event("message", {})]


def test_training_is_followed_line_by_line() -> None:
    events = [
        Event("state", {"status": "queued", "queue_position": 2, "wait_s": 10}),
        Event("started", {"attempt": 1}, 1),
        Event("progress", {"stage": "train", "done": 1, "total": 4}, 2),
        Event("loss", {"step": 2, "steps": 4, "train_loss": 1.25, "valid_loss": None, "seconds": 1}, 3),
        Event("loss", {"step": 4, "steps": 4, "train_loss": 0.5, "valid_loss": 0.75, "seconds": 2}, 4),
        Event("loss", {"step": 5, "steps": 5, "train_loss": 0.5, "valid_loss": None, "margin": 0.2, "accuracy": 1.0}),
        Event("checkpoint", {"step": 4}, 5),
        Event("postponed", {"reason": "judge_429", "seconds": 15}, 6),
        Event("heartbeat", {}),
    ]
    with out.capture() as caught, Follower() as follower:
        for event in events:
            follower.show(event)
    lines = caught.get().splitlines()
    assert "started" in lines
    assert "step 4/4 train_loss 0.5000 valid_loss 0.7500" in lines
    assert "step 5/5 train_loss 0.5000 margin 0.2000 accuracy 1.0000" in lines
    assert "checkpoint at step 4" in lines
    assert "put back in the queue for 15 s: judge_429" in lines


def test_the_command_line_loads_no_django_and_no_torch() -> None:
    code = "import gradus.cli.main, sys; print(sorted({'django', 'torch', 'openai'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_command_says_once_that_a_judge_does_not_answer() -> None:
    because = {"code": "judge_busy", "message": "The judge got too many requests."}
    state = {"status": "queued", "queue_position": 1, "wait_s": None, "waits_because": because}
    with out.capture() as caught, Follower() as follower:
        follower.show(Event("state", state))
        follower.show(Event("state", {**state, "queue_position": 2}))
    assert caught.get().count(because["message"]) == 1
