"""A base model behind an OpenAI-compatible endpoint: a loopback server that computes with the tiny model."""

import json
import threading
from dataclasses import replace

import pytest
from werkzeug import Response

from graders.base import Generate, Grade
from tests.workers import tiny
from tests.workers.test_engine_paths import ITEM, PROMPT
from workers import remote
from workers.engine import generation, plain, scoring
from workers.engine.watch import Stopped, Watch
from workers.execute import execute
from workers.judge_contract import Postpone
from workers.remote import EngineMisconfigured, RemoteEngine, Served

SCORE = replace(ITEM, suffixes=ITEM.suffixes[:5], labels=(" skin", " heart", " stomach"))
GENERATE = Generate(tiny.NAME, PROMPT, ("Input: rash\n", "printer"), 8)


def never():
    return False


def run(engine, item, *, should_stop=never, seconds=60.0):
    events = []
    return engine.run(item, on_event=events.append, should_stop=should_stop, seconds=seconds), events


@pytest.fixture
def completions(base, plain):
    """Answers `/completions` as such servers do, echoing prompts with their log-probabilities."""
    lock = threading.Lock()

    def answer(request):
        asked = json.loads(request.data)
        tokens = base.encode([asked["prompt"]])[0]
        with lock:
            choice = _echo(tokens) if asked.get("echo") else _continue(asked)
        usage = {"prompt_tokens": len(tokens), "completion_tokens": asked["max_tokens"], "total_tokens": 0}
        body = {"id": "c", "object": "text_completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
        return Response(json.dumps(body), content_type="application/json")

    def _echo(tokens):
        values = [None, *(_logprob(plain, tokens[:at], tokens[at]) for at in range(1, len(tokens))), -0.5]
        return {"index": 0, "text": "", "finish_reason": "length", "logprobs": {"token_logprobs": values}}

    def _continue(asked):
        item = Generate(tiny.NAME, asked["prompt"], ("",), asked["max_tokens"])
        text = generation.generate(base, base.model, item, Watch()).texts[0]
        return {"index": 0, "text": text, "finish_reason": "length", "logprobs": None}

    return answer


def _logprob(model, context, token):
    return plain.label_logprob(model, context, [token])


@pytest.fixture
def engine(httpserver):
    return RemoteEngine(Served(httpserver.url_for("/v1"), "served-name"), "secret", timeout=5.0)


def test_scores_are_those_of_the_local_engine(httpserver, engine, completions, base):
    httpserver.expect_request("/v1/completions", method="POST").respond_with_handler(completions)
    scored, events = run(engine, SCORE)
    expected = scoring.score(base, base.model, SCORE, Watch())
    assert scored.prompt_tokens == expected.prompt_tokens
    for found, wanted in zip(scored.logprobs, expected.logprobs, strict=True):
        assert found == pytest.approx(wanted, abs=1e-3)
    assert events[-1]["done"] == events[-1]["total"] == 5 * 4
    asked = [json.loads(request.data) for request, _ in httpserver.log]
    assert {a["model"] for a in asked} == {"served-name"} and {a["temperature"] for a in asked} == {0}
    assert all(request.headers["Authorization"] == "Bearer secret" for request, _ in httpserver.log)


def test_texts_are_those_of_the_local_engine_and_end_where_it_ends_them(httpserver, engine, completions, base):
    httpserver.expect_request("/v1/completions", method="POST").respond_with_handler(completions)
    whole = generation.generate(base, base.model, GENERATE, Watch()).texts
    assert run(engine, GENERATE)[0].texts == whole
    mark = whole[0][2:4]
    assert run(engine, replace(GENERATE, stop=(mark,)))[0].texts[0] == whole[0].partition(mark)[0]


def test_schema_is_sent_as_a_response_format(httpserver, engine, completions):
    httpserver.expect_request("/v1/completions", method="POST").respond_with_handler(completions)
    run(engine, replace(GENERATE, suffixes=("x",), schema='{"type": "object"}'))
    sent = json.loads(httpserver.log[0][0].data)["response_format"]
    assert sent == {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}


def test_busy_endpoint_is_asked_again_and_then_postponed(httpserver, engine, completions, monkeypatch):
    monkeypatch.setattr(remote, "BACKOFF_SECONDS", 0.001)
    for _ in range(2):
        httpserver.expect_ordered_request("/v1/completions").respond_with_data("busy", status=503)
    httpserver.expect_ordered_request("/v1/completions").respond_with_handler(completions)
    assert len(run(engine, replace(GENERATE, suffixes=("x",)))[0].texts) == 1
    httpserver.clear()
    httpserver.expect_request("/v1/completions").respond_with_data("", status=429, headers={"Retry-After": "90"})
    with pytest.raises(Postpone) as later:
        run(engine, replace(GENERATE, suffixes=("x",)))
    assert (later.value.seconds, later.value.code) == (90, "engine_429")
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [("{}", 401), ("{}", 404), ('{"choices": []}', 200), ("<html>proxy</html>", 200)],
    ids=["key", "model", "no choice", "html"],
)
def test_wrong_setting_tells_staff_what_to_mend_and_quotes_nothing(httpserver, engine, body, status):
    kind = "text/html" if body.startswith("<") else "application/json"
    httpserver.expect_request("/v1/completions").respond_with_data(body, status=status, content_type=kind)
    with pytest.raises(EngineMisconfigured) as wrong:
        run(engine, SCORE)
    assert "GRADUS_REMOTE_ENGINES" in str(wrong.value) and "rash" not in str(wrong.value)


def test_cancel_is_heard_while_requests_are_open(httpserver, engine):
    asked, release = threading.Event(), threading.Event()

    def silent(request):
        asked.set()
        release.wait(10)
        return Response("{}")

    def should_stop():
        if asked.is_set():
            release.set()
        return release.is_set()

    httpserver.expect_request("/v1/completions").respond_with_handler(silent)
    with pytest.raises(Stopped):
        run(engine, SCORE, should_stop=should_stop)


def test_settings_name_models_and_addresses():
    found = remote.served({"GRADUS_REMOTE_ENGINES": "a=http://h:1/v1#Org/A, b=https://h/v1"})
    assert found == {"a": Served("http://h:1/v1", "Org/A"), "b": Served("https://h/v1", "b")}
    assert remote.served({}) == {}
    with pytest.raises(EngineMisconfigured, match="GRADUS_REMOTE_ENGINES"):
        remote.served({"GRADUS_REMOTE_ENGINES": "a=ftp://h"})


def test_only_prompts_of_its_model_go_to_a_remote_engine():
    class Engine:
        def __init__(self, name):
            self.name, self.items = name, []

        def run(self, item, **_):
            self.items.append(item)
            return self.name

    local, far = Engine("local"), Engine("far")

    def grading():
        results = []
        for item in (SCORE, replace(SCORE, model="other"), replace(SCORE, adapter="/folder"), GENERATE):
            results.append((yield item))
        return Grade(score=None, private={"results": results})

    grade = execute(grading(), local, None, print, never, 60.0, remotes={tiny.NAME: far})
    assert grade.private["results"] == ["far", "local", "local", "far"]
