"""A base model behind an OpenAI-compatible endpoint, played by a loopback server with the tiny model."""

import json
import random
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from graders.base import Generate, Grade, Score
from tests.workers import tiny
from tests.workers.engine.test_paths import ITEM, PROMPT
from workers import remote
from workers.engine import generation, plain, scoring
from workers.engine.watch import Stopped, Watch
from workers.execute import execute
from workers.judge.contract import Postpone
from workers.remote import EngineMisconfigured, EngineSlow, RemoteEngine, Served

SCORE = replace(ITEM, suffixes=ITEM.suffixes[:5], labels=(" skin", " heart", " stomach"))
GENERATE = Generate(tiny.NAME, PROMPT, ("Input: rash\n", "printer"), 8)


def never():
    return False


def run(engine, item, *, should_stop=never, seconds=600.0):
    events = []
    return engine.run(item, on_event=events.append, should_stop=should_stop, seconds=seconds), events


def body(choice, prompt_tokens, completion_tokens=1):
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": 0}
    return json.dumps(
        {"id": "c", "object": "text_completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    )


def echo(tokens, values):
    logprobs = {"tokens": tokens, "token_logprobs": values}
    return {"index": 0, "text": "", "finish_reason": "length", "logprobs": logprobs}


@pytest.fixture
def completions(base, plain):
    """A server for `/completions` that echoes prompts with their log-probabilities."""
    lock = threading.Lock()

    def answer(request):
        asked = json.loads(request.data)
        tokens = base.encode([asked["prompt"]])[0]
        with lock:
            choice = _echo(tokens) if asked.get("echo") else _continue(asked)
        return Response(body(choice, len(tokens), asked["max_tokens"]), content_type="application/json")

    def _echo(tokens):
        values = [None, *(_logprob(plain, tokens[:at], tokens[at]) for at in range(1, len(tokens))), -0.5]
        return echo([*(f"token_id:{token}" for token in tokens), "token_id:0"], values)

    def _continue(asked):
        item = Generate(tiny.NAME, asked["prompt"], ("",), asked["max_tokens"])
        text = generation.generate(base, base.model, item, Watch()).texts[0]
        return {"index": 0, "text": text, "finish_reason": "length", "logprobs": None}

    return answer


def _logprob(model, context, token):
    return plain.label_logprob(model, context, [token])


@pytest.fixture
def engine(httpserver):
    engine = RemoteEngine(Served(httpserver.url_for("/v1"), "served-name"), "secret", timeout=120.0)
    yield engine
    engine.pool.shutdown()


@pytest.fixture
def silent():
    """An endpoint that does not answer until `release` is set, and then answers that it is busy."""
    came, left, release = [], [], threading.Event()

    def answer(request):
        came.append(request)
        release.wait(30)
        left.append(request)
        return Response("", 503)

    with HTTPServer(threaded=True) as server:
        server.expect_request("/v1/completions").respond_with_handler(answer)
        engine = RemoteEngine(Served(server.url_for("/v1"), "served-name"), "secret")
        yield SimpleNamespace(engine=engine, came=came, left=left, release=release)
        release.set()
        engine.pool.shutdown()


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


def test_rounding_of_the_prompts_numbers_moves_no_label(httpserver, engine, completions, base):
    item, noise = replace(SCORE, suffixes=SCORE.suffixes[:2]), random.Random(1)
    lengths = {item.prompt + suffix: len(base.encode([item.prompt + suffix])[0]) for suffix in item.suffixes}

    def rounded(request):
        text, response = json.loads(request.data)["prompt"], completions(request)
        answer = json.loads(response.data)
        values = answer["choices"][0]["logprobs"]["token_logprobs"]
        length = next(length for prompt, length in lengths.items() if text.startswith(prompt))
        values[1:length] = [value + noise.gauss(0, 0.1) for value in values[1:length]]
        return Response(json.dumps(answer), content_type="application/json")

    httpserver.expect_request("/v1/completions").respond_with_handler(rounded)
    expected = scoring.score(base, base.model, item, Watch())
    for found, wanted in zip(run(engine, item)[0].logprobs, expected.logprobs, strict=True):
        assert found == pytest.approx(wanted, abs=1e-3)


def test_a_label_that_merges_with_the_prompts_end_is_read_from_where_they_part(httpserver, engine):
    read = {"ab": (["a", "b"], [None, -1.0]), "abc": (["a", "bc"], [None, -3.0])}

    def answer(request):
        tokens, values = read[json.loads(request.data)["prompt"]]
        return Response(body(echo([*tokens, "x"], [*values, -0.5]), len(tokens)), content_type="application/json")

    httpserver.expect_request("/v1/completions").respond_with_handler(answer)
    assert run(engine, Score(tiny.NAME, "a", ("b",), ("c",)))[0].logprobs == [[-2.0]]


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


def test_busy_endpoint_is_asked_four_times_within_seven_seconds(httpserver, engine, monkeypatch):
    pauses = []

    class Unhurried(threading.Event):
        def wait(self, timeout=None):
            pauses.append(timeout)
            return self.is_set()

    monkeypatch.setattr(remote, "Event", Unhurried)
    httpserver.expect_request("/v1/completions").respond_with_data("busy", status=503)
    with pytest.raises(Postpone, match="engine_503"):
        run(engine, replace(GENERATE, suffixes=("x",)))
    assert (len(httpserver.log), pauses) == (4, [1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("{}", 400),
        ("{}", 401),
        ("{}", 404),
        ('{"choices": []}', 200),
        ("<html>proxy</html>", 200),
        (body(echo(None, [None, -1.0, -1.0]), 2), 200),
        (body(echo(["a", "b"], [None, -1.0, -1.0]), 2), 200),
        (body(echo(["a", "b"], [None, -1.0]), 3), 200),
        (body(echo(["a", "b", "c"], [None, None, -1.0]), 2), 200),
    ],
    ids=["context", "key", "model", "no choice", "html", "no tokens", "unequal lists", "short lists", "no numbers"],
)
def test_wrong_setting_tells_staff_what_to_fix_and_quotes_nothing(httpserver, engine, reply, status):
    kind = "text/html" if reply.startswith("<") else "application/json"
    httpserver.expect_request("/v1/completions").respond_with_data(reply, status=status, content_type=kind)
    with pytest.raises(EngineMisconfigured) as wrong:
        run(engine, SCORE)
    assert "GRADUS_REMOTE_ENGINES" in str(wrong.value) and "rash" not in str(wrong.value)
    assert ("--max-model-len" in str(wrong.value)) is (status == 400)


def test_a_job_that_is_over_waits_for_no_request_and_makes_no_more(silent):
    def all_have_come():
        return len(silent.came) == remote.CONCURRENCY

    with pytest.raises(Stopped):
        run(silent.engine, SCORE, should_stop=all_have_come)
    with pytest.raises(EngineSlow):
        run(silent.engine, GENERATE, seconds=0.1)
    assert silent.left == []
    silent.release.set()
    silent.engine.pool.shutdown()
    assert len(silent.came) == len(silent.left) == remote.CONCURRENCY, "over both jobs, and none tried again"


def test_a_pause_between_attempts_ends_with_its_job(httpserver, monkeypatch):
    monkeypatch.setattr(remote, "CONCURRENCY", 1)
    monkeypatch.setattr(remote, "PATIENCE_SECONDS", 60)
    httpserver.expect_request("/v1/completions").respond_with_data("", status=503, headers={"Retry-After": "60"})
    engine = RemoteEngine(Served(httpserver.url_for("/v1"), "served-name"), "secret")
    with pytest.raises(Stopped):
        run(engine, GENERATE, should_stop=lambda: len(httpserver.log) > 0)
    assert engine.pool.submit(str, "free").result(timeout=20) == "free"


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
