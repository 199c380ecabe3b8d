"""Prompts to a base model behind a vLLM server, played by a loopback server with the tiny model."""

import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from graders.base import BASE, Generate, Grade, Rejected
from tests.workers import tiny
from tests.workers.engine.test_paths import ITEM, PROMPT
from workers.engine import generation, scoring
from workers.engine.watch import Stopped, Watch
from workers.execute import execute
from workers.judge.contract import Postpone
from workers.remote import calls
from workers.remote import engine as remote
from workers.remote.calls import EngineMisconfigured, EngineSlow, Served
from workers.remote.engine import RemoteEngine
from workers.sandbox.written_tokens import reporter

SCORE = replace(ITEM, suffixes=ITEM.suffixes[:5], labels=(" skin", " heart", " stomach", " heart rash"))
GENERATE = Generate(tiny.NAME, PROMPT, ("Input: rash\n", "printer"), 8)


def assert_near(scored, expected):
    assert scored.prompt_tokens == expected.prompt_tokens
    for row, wanted in zip(scored.logprobs, expected.logprobs, strict=True):
        assert row == pytest.approx(wanted, abs=1e-3)


def test_scores_are_those_of_the_local_engine_in_few_requests(vllm, ask, base, httpserver):
    scored, events = ask(replace(SCORE, stage="public"))
    expected = scoring.score(base, base.model, SCORE, Watch())
    assert_near(scored, expected)
    assert events[-1] == {"type": "progress", "stage": "public", "done": 5, "total": 5}
    told = {n: value for event in events if event["type"] == "rows" for n, value in event["rows"]}
    assert told == dict(enumerate(scored.logprobs))
    # One for each set of tokens that are read behind a prompt, and none for each row or label.
    assert len(vllm.bodies) < 5 * 4
    assert {body["model"] for body in vllm.bodies} == {"served-name"} and {b["temperature"] for b in vllm.bodies} == {0}
    assert all(request.headers["Authorization"] == "Bearer secret" for request, _ in httpserver.log)


def test_a_long_shared_prompt_is_read_once_before_the_others(vllm, ask, monkeypatch):
    monkeypatch.setattr(remote, "SHARED_TOKENS", 8)
    monkeypatch.setattr(remote, "CALL_PROMPTS", 3)
    item = replace(SCORE, labels=(" skin", " heart"))
    expected = ask(replace(item, suffixes=item.suffixes[:1]))[0].logprobs
    vllm.bodies.clear()
    assert ask(item)[0].logprobs[0] == expected[0]
    sent = [len(body["prompt"]) for body in vllm.bodies]
    assert sent[0] == 1 and sum(sent) == 5 and max(sent) <= 3


def test_more_labels_than_one_request_may_name(vllm, ask, base, monkeypatch):
    monkeypatch.setattr(remote, "LABEL_TOKENS_MOST", 2)
    assert_near(ask(SCORE)[0], scoring.score(base, base.model, SCORE, Watch()))
    assert max(len(body["logprob_token_ids"]) for body in vllm.bodies) == 2


def test_texts_are_those_of_the_local_engine_from_the_same_tokens_and_end_where_it_ends_them(vllm, ask, base):
    whole = generation.generate(base, base.model, GENERATE, Watch())
    answer = ask(GENERATE)[0]
    assert (answer.texts, answer.new_tokens) == (whole.texts, whole.new_tokens)
    sent = [prompt for body in vllm.bodies for prompt in body["prompt"]]
    assert sent == base.encode([GENERATE.prompt + suffix for suffix in GENERATE.suffixes])
    assert all(body["repetition_penalty"] == 1.0 and body["add_special_tokens"] is False for body in vllm.bodies)
    mark = whole.texts[0][2:4]
    item = replace(GENERATE, stop=(mark,))
    wanted, answer = generation.generate(base, base.model, item, Watch()), ask(item)[0]
    assert (answer.texts, answer.new_tokens) == (wanted.texts, wanted.new_tokens)
    assert answer.texts[0] == whole.texts[0].partition(mark)[0]
    assert len({body["cache_salt"] for body in vllm.bodies}) == 2, "no two items share what is kept of prompts"
    ask(replace(GENERATE, suffixes=("x",), schema='{"type": "object"}'))
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
    assert vllm.bodies[-1]["response_format"] == form


@pytest.mark.parametrize(
    ("written", "end", "stop", "text"),
    [('{"a": "b"} and more', (), ("json",), '{"a": "b"}'), ("skin", (2,), (), "skin")],
    ids=["after its JSON object", "at the end of text, which is no token of it"],
)
def test_a_text_ends(ask, httpserver, base, written, end, stop, text):
    ids = base.encode([written])[0]
    choice = {"index": 0, "text": text, "token_ids": [*ids, *end], "finish_reason": "stop", "logprobs": None}
    httpserver.expect_request("/v1/completions").respond_with_json({"choices": [choice]})
    answer = ask(replace(GENERATE, suffixes=("x",), stop=stop))[0]
    assert base.eos == 2 and answer.texts == [text]
    assert answer.new_tokens == [len(ids)] if end else answer.new_tokens[0] < len(ids)


def test_tokens_of_a_chat_are_reported_as_the_local_engine_reports_them(vllm, ask, base):
    item, told = replace(GENERATE, suffixes=("printer",), stage=BASE), []
    generation.generate(base, base.model, item, Watch(on_tokens=reporter(told.append)))
    wanted = {event["at"] + n: token for event in told for n, token in enumerate(event["tokens"])}
    (event,) = [event for event in ask(item)[1] if event["type"] == "tokens"]
    assert event["at"] == 0 and len(event["tokens"]) == 8
    for n, (text, share, rivals) in enumerate(event["tokens"]):
        assert text == wanted[n][0] and share == pytest.approx(wanted[n][1], abs=2e-4)
        assert [rival for rival, _ in rivals] == [rival for rival, _ in wanted[n][2]]


def test_a_prompt_beyond_the_context_is_the_learners_fault(vllm, ask):
    for item in (GENERATE, SCORE):
        with pytest.raises(Rejected, match="reads at most 512"):
            ask(replace(item, suffixes=("rash " * 600,)))
    assert vllm.bodies == []


def test_a_machine_without_the_tokenizer_says_how_to_get_it(ask, httpserver, tmp_path):
    elsewhere = RemoteEngine(Served(httpserver.url_for("/v1"), "m"), "", tmp_path / "smollm2-135m-instruct")
    with pytest.raises(EngineMisconfigured, match="fetch_models smollm2-135m-instruct"):
        ask(GENERATE, engine=elsewhere)


@pytest.fixture
def silent(models_dir):
    """A server that does not answer until `release` is set, and then answers that it is busy."""
    came, left, release = [], [], threading.Event()

    def answer(request):
        came.append(request)
        release.wait(30)
        left.append(request)
        return Response("", 503)

    with HTTPServer(threaded=True) as server:
        server.expect_request("/v1/completions").respond_with_handler(answer)
        engine = RemoteEngine(Served(server.url_for("/v1"), "served-name"), "secret", models_dir / tiny.NAME)
        yield SimpleNamespace(engine=engine, came=came, left=left, release=release)
        release.set()
        engine.close()


def test_busy_server_is_asked_again(httpserver, ask, monkeypatch):
    monkeypatch.setattr(calls, "BACKOFF_SECONDS", 0.001)
    choice = {"index": 0, "text": "", "token_ids": [5], "finish_reason": "length", "logprobs": None}
    for _ in range(2):
        httpserver.expect_ordered_request("/v1/completions").respond_with_data("busy", status=503)
    httpserver.expect_ordered_request("/v1/completions").respond_with_json({"choices": [choice]})
    assert len(ask(replace(GENERATE, suffixes=("x",)))[0].texts) == 1


@pytest.mark.parametrize(
    ("asked", "seconds"), [("90", 90), ("9" * 400, 3600), ("\N{SUPERSCRIPT TWO}", 1), ("-5", 1), ("soon", 1)]
)
def test_a_retry_after_postpones_and_is_bounded(httpserver, ask, monkeypatch, asked, seconds):
    monkeypatch.setattr(calls, "BACKOFF_SECONDS", 0.001)
    response = Response("", 429, {"Retry-After": asked})
    httpserver.expect_request("/v1/completions").respond_with_response(response)
    with pytest.raises(Postpone) as later:
        ask(replace(GENERATE, suffixes=("x",)))
    assert (later.value.seconds, later.value.code) == (seconds, "engine_429")
    assert len(httpserver.log) == 1 or seconds == 1


def test_busy_server_is_asked_four_times_within_seven_seconds(httpserver, ask, monkeypatch):
    pauses = []

    class Unhurried(threading.Event):
        def wait(self, timeout=None):
            pauses.append(timeout)
            return self.is_set()

    monkeypatch.setattr("workers.remote.job.Event", Unhurried)
    httpserver.expect_request("/v1/completions").respond_with_data("busy", status=503)
    with pytest.raises(Postpone, match="engine_503"):
        ask(replace(GENERATE, suffixes=("x",)))
    assert (len(httpserver.log), pauses) == (4, [1.0, 2.0, 4.0])


NO_LOGPROBS = (float("nan"), float("inf"), -float("inf"), -(10**400), 3.5, "-1.0")


def label_reply(**logprobs):
    return json.dumps({"choices": [{"index": 0, "text": "", "finish_reason": "length", "logprobs": logprobs}]})


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("{}", 400),
        ("{}", 401),
        ("{}", 404),
        ("{}", 200),
        ('{"choices": []}', 200),
        ("<html>proxy</html>", 200),
        (label_reply(), 200),
        (label_reply(top_logprobs=[]), 200),
        (label_reply(top_logprobs=[{"token_id:1": -1.0}]), 200),
        (label_reply(top_logprobs=[{" skin": -1.0}]), 200),
        (label_reply(top_logprobs=None), 200),
        *((label_reply(top_logprobs=[{f"token_id:{n}": value for n in range(512)}]), 200) for value in NO_LOGPROBS),
    ],
    ids=[
        *("context", "key", "model", "nothing", "no choice", "html", "none", "empty", "others", "texts", "null"),
        *("nan", "infinity", "minus infinity", "400 digits", "above 0", "a text"),
    ],
)
def test_wrong_setting_tells_staff_what_to_fix_and_quotes_nothing(httpserver, ask, reply, status):
    kind = "text/html" if reply.startswith("<") else "application/json"
    httpserver.expect_request("/v1/completions").respond_with_data(reply, status=status, content_type=kind)
    with pytest.raises(EngineMisconfigured) as wrong:
        ask(replace(SCORE, suffixes=SCORE.suffixes[:1]))
    assert "GRADUS_REMOTE_ENGINES" in str(wrong.value) and "rash" not in str(wrong.value)
    assert ("--max-model-len" in str(wrong.value)) is (status == 400)


def test_a_job_that_is_over_waits_for_no_request_and_makes_no_more(silent, ask, monkeypatch):
    monkeypatch.setattr(remote, "CALL_PROMPTS", 1)
    monkeypatch.setattr(remote, "SHARED_TOKENS", 1000)
    many = replace(GENERATE, suffixes=tuple(f"rash {n}" for n in range(12)))

    def all_have_come():
        return len(silent.came) == remote.CONCURRENCY

    with pytest.raises(Stopped):
        ask(many, engine=silent.engine, should_stop=all_have_come)
    with pytest.raises(EngineSlow):
        ask(GENERATE, engine=silent.engine, seconds=0.1)
    assert silent.left == []
    silent.release.set()
    silent.engine.pool.shutdown()
    assert len(silent.came) == len(silent.left) == remote.CONCURRENCY, "over both jobs, and none tried again"


def test_a_pause_between_attempts_ends_with_its_job(httpserver, ask, models_dir, monkeypatch):
    monkeypatch.setattr(remote, "CONCURRENCY", 1)
    monkeypatch.setattr(calls, "PATIENCE_SECONDS", 60)
    httpserver.expect_request("/v1/completions").respond_with_data("", status=503, headers={"Retry-After": "60"})
    engine = RemoteEngine(Served(httpserver.url_for("/v1"), "served-name"), "secret", models_dir / tiny.NAME)
    with pytest.raises(Stopped):
        ask(GENERATE, engine=engine, should_stop=lambda: len(httpserver.log) > 0)
    assert engine.pool.submit(str, "free").result(timeout=20) == "free"


def test_settings_name_models_and_addresses(tmp_path):
    found = remote.served({"GRADUS_REMOTE_ENGINES": "a=http://h:1/v1#Org/A, b=https://h/v1"})
    assert found == {"a": Served("http://h:1/v1", "Org/A"), "b": Served("https://h/v1", "b")}
    assert remote.served({}) == {}
    with pytest.raises(EngineMisconfigured, match="GRADUS_REMOTE_ENGINES"):
        remote.served({"GRADUS_REMOTE_ENGINES": "a=ftp://h"})
    environment = {"GRADUS_REMOTE_ENGINES": "a=http://h/v1", "GRADUS_REMOTE_ADAPTERS": "/mnt/ours#/srv/theirs"}
    folder = remote.engines(tmp_path, environment)["a"].folder
    assert folder is not None and (str(folder.here), folder.there) == ("/mnt/ours", "/srv/theirs")
    assert remote.engines(tmp_path, {"GRADUS_REMOTE_ENGINES": "a=http://h/v1"})["a"].folder is None


def test_only_items_of_its_model_go_to_a_remote_engine_and_adapters_only_if_it_takes_them():
    class Engine:
        waited = 0.0

        def __init__(self, name):
            self.name = name

        def takes(self, adapter):
            return adapter == "/taken"

        def run(self, item, **_):
            return self.name

    def grading():
        results = []
        for item in (SCORE, replace(SCORE, model="other"), replace(SCORE, adapter="/folder"), GENERATE):
            results.append((yield item))
        results.append((yield replace(GENERATE, adapter="/taken")))
        return Grade(score=None, private={"results": results})

    grade = execute(grading(), Engine("local"), None, print, lambda: False, 60.0, remotes={tiny.NAME: Engine("far")})
    assert grade.private["results"] == ["far", "local", "local", "far", "far"]
