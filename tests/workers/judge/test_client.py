"""The judge's client with a loopback server that follows the protocol or breaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from challenges.kinds.free_text import FreeTextPayload
from graders import registry
from graders.base import Assignment, Embed, Embedded, Judge, Judged, WorkItem
from tests.graders.bundles import drive
from tests.graders.free_text.judges import GOOD_MARKS, bundle_of, embed, says
from workers.judge import faults
from workers.judge.client import CallRecord, JudgeClient, JudgeMisconfigured, Postpone
from workers.judge.endpoints import OUTPUT_TOKENS, Endpoint
from workers.judge.prices import Prices

ITEM = Judge(
    messages=({"role": "system", "content": "rules"}, {"role": "user", "content": "the answer"}),
    schema={"type": "object"},
    template="t1",
    criteria=("a",),
)
GOOD = (
    '{"criteria": [{"id": "a", "evidence": [], "reason": "r", "mark": "not_met", "confidence": 80}], '
    '"addresses_grader": false}'
)
_keys = count()


class MemoryStore:
    """A judge store in memory, in the place of the site's."""

    def __init__(self, budget: int = 100_000) -> None:
        self.budget, self.money = budget, 1_000_000
        self.records: list[CallRecord] = []
        self.known: dict[str, Judged] = {}

    def cached(self, key: str) -> Judged | None:
        return self.known.get(key)

    def log(self, record: CallRecord) -> int:
        self.records.append(record)
        return len(self.records)

    def reserve(self, tokens: int, micros: int = 0) -> bool:
        if tokens > self.budget or micros > self.money:
            return False
        self.budget -= tokens
        self.money -= micros
        return True

    def settle(self, reserved: int, spent: int, reserved_micros: int = 0, spent_micros: int = 0) -> None:
        self.budget += reserved - spent
        self.money += reserved_micros - spent_micros


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Script:
    """Answers the probe correctly and then as the test says; collects the bodies of requests."""

    def __init__(self, server: HTTPServer) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[Response] = []
        self.refuse: tuple[str, ...] = ()
        server.expect_request("/v1/chat/completions", method="POST").respond_with_handler(self.handle)

    def handle(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        self.bodies.append(body)
        kind = body.get("response_format", {}).get("type", "text")
        if kind in self.refuse:
            return Response(json.dumps({"error": {"message": f"{kind} is not supported"}}), 400)
        if len(body["messages"]) == 1:
            return chat('{"ok": true}')
        return self.answers.pop(0)

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [body for body in self.bodies if len(body["messages"]) > 1]


COUNTED = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
PRICES = Prices(Decimal("0.15"), Decimal("0.60"), "EUR")
# Of the tokens in `COUNTED`.
COST = 27


def chat(content: str | None, finish: str = "stop", usage: Any = COUNTED) -> Response:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "judge-7", "choices": [choice]}
    return Response(json.dumps(body | {"usage": usage}), content_type="application/json")


@pytest.fixture
def script(httpserver: HTTPServer) -> Script:
    return Script(httpserver)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(httpserver: HTTPServer, script: Script, store: MemoryStore, clock: Clock) -> Iterator[JudgeClient]:
    # A new key for each test, because what is known about an endpoint outlives a client.
    made = JudgeClient("judge", httpserver.url_for("/v1"), f"key-{next(_keys)}", store, timeout=5, clock=clock)
    yield made
    assert made.client is not None
    made.client.close()


def test_an_honest_reply_is_parsed_logged_and_paid_for_after_one_probe(
    client: JudgeClient, script: Script, store: MemoryStore
) -> None:
    client.prices = PRICES
    script.answers = [chat(GOOD), chat(GOOD)]
    judged = client.judge(ITEM)
    assert judged == Judged(json.loads(GOOD), "", "judge-7", 1)
    assert (store.budget, store.money) == (100_000 - 120, 1_000_000 - COST)
    record = store.records[0]
    assert (record.rung, record.problem, record.reply) == ("json_schema", "", judged.reply)
    assert (record.cost_micros, record.currency) == (COST, "EUR")
    assert record.request["messages"] == [dict(message) for message in ITEM.messages]
    sent = script.calls[0]
    assert (sent["temperature"], sent["model"]) == (0, "judge")
    assert sent["response_format"]["json_schema"]["strict"] is True
    client.judge(ITEM)
    assert len(script.bodies) == 3


def test_a_cached_reply_needs_no_call_and_belongs_to_one_answer_and_model(
    client: JudgeClient, script: Script, store: MemoryStore
) -> None:
    store.known[client.cache_key(ITEM)] = Judged({"a": 1}, "", "judge-7", 5)
    assert client.judge(ITEM).call_id == 5
    assert script.bodies == []
    other = replace(ITEM, messages=({"role": "user", "content": "another"},))
    assert client.cache_key(ITEM) != client.cache_key(other)
    assert client.cache_key(ITEM) != JudgeClient("b", "http://127.0.0.1:1/v1", "", store).cache_key(ITEM)


@pytest.mark.parametrize(
    ("refused", "rung"),
    [((), "json_schema"), (("json_schema",), "json_object"), (("json_schema", "json_object"), "text")],
)
def test_the_strictest_format_that_the_endpoint_takes_is_used(
    client: JudgeClient, script: Script, store: MemoryStore, refused: tuple[str, ...], rung: str
) -> None:
    script.refuse, script.answers = refused, [chat(f"Sure! {GOOD}")]
    assert client.judge(ITEM).reply == json.loads(GOOD)
    assert store.records[0].rung == rung


def test_parameters_that_a_model_refuses_by_name_are_changed(
    client: JudgeClient, script: Script, httpserver: HTTPServer
) -> None:
    plain = script.handle

    def picky(request: Request) -> Response:
        body = json.loads(request.get_data())
        for name, advice in (("max_tokens", "use max_completion_tokens"), ("temperature", "temperature is fixed")):
            if name in body:
                return Response(json.dumps({"error": {"message": advice}}), 400)
        return plain(request)

    httpserver.clear_all_handlers()
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(picky)
    script.answers = [chat(GOOD)]
    assert client.judge(ITEM).reply == json.loads(GOOD)
    assert script.calls[0]["max_completion_tokens"] == 2000


def test_plain_text_gets_one_repair(client: JudgeClient, script: Script, store: MemoryStore) -> None:
    script.refuse, script.answers = ("json_schema", "json_object"), [chat("I think it is met"), chat(GOOD)]
    assert client.judge(ITEM).reply == json.loads(GOOD)
    assert [record.problem for record in store.records] == ["unusable (not one JSON object)", ""]
    assert script.calls[1]["messages"][-2]["content"] == "I think it is met"


@pytest.mark.parametrize(
    "answer",
    [
        chat('{"criteria": ['),
        chat(GOOD, finish="length"),
        chat(GOOD, finish="content_filter"),
        chat(None),
        chat("[]"),
        chat(f"{GOOD} {GOOD}"),
        chat('{"criteria": [], "addresses_grader": false}'),
        chat(GOOD.replace('"a"', '"b"')),
        chat(GOOD.replace('"reason"', '"score": 1, "reason"')),
        chat(GOOD.replace('"not_met"', '"met", "mark": "not_met"')),
        Response("<html>Bad gateway</html>", content_type="text/html"),
        Response('{"choices": []}', content_type="application/json"),
        Response("[1]", content_type="application/json"),
        Response('{"error": {"message": "content policy: the answer"}}', 400),
    ],
)
def test_a_malformed_reply_is_unusable_and_never_an_exception(
    client: JudgeClient, script: Script, store: MemoryStore, answer: Response
) -> None:
    script.answers = [answer]
    judged = client.judge(ITEM)
    assert judged.reply is None
    assert judged.problem.startswith("unusable")
    [record] = store.records
    assert record.reply is None
    if answer.status_code == 400:
        assert judged.problem == "unusable (refused with 400)" and "content policy" in record.response


def test_a_hijacked_endpoint_ends_no_grade(client: JudgeClient, script: Script, store: MemoryStore) -> None:
    answer = "Leaves are lovely things. My children collect them and dry them at home between two books."
    bundle = bundle_of()
    marks = dict.fromkeys(GOOD_MARKS, "met")
    reply = chat(json.dumps(says(marks, {id: ["the learner explains this in full"] for id in marks})))
    script.answers = [reply, reply, reply]

    def respond(item: WorkItem) -> Judged | Embedded:
        if isinstance(item, Embed):
            return embed(item)
        assert isinstance(item, Judge)
        return client.judge(item)

    grade, _ = drive(registry.grade(Assignment(bundle, FreeTextPayload(answer=answer), True)), respond)
    assert grade.score == 0
    assert "no-evidence: absorbs" in grade.review
    assert grade.private["calls"] == [1, 2, 3]
    assert [record.problem for record in store.records] == ["", "", ""]


def test_retry_after_is_honoured(client: JudgeClient, script: Script, store: MemoryStore) -> None:
    script.answers = [Response("{}", 429, {"Retry-After": "42"})]
    with pytest.raises(Postpone) as caught:
        client.judge(ITEM)
    assert (caught.value.seconds, caught.value.code) == (42, "judge_429")
    assert store.budget == 100_000
    assert len(script.calls) == 1


def test_server_errors_postpone_and_then_open_the_breaker(client: JudgeClient, script: Script, clock: Clock) -> None:
    script.answers = [Response("{}", 503), Response("{}", 500), Response("{}", 502), chat(GOOD)]
    for status in (503, 500, 502):
        with pytest.raises(Postpone, match=f"judge_{status}"):
            client.judge(ITEM)
    clock.now = 10
    with pytest.raises(Postpone) as caught:
        client.judge(ITEM)
    assert (caught.value.code, caught.value.seconds) == ("judge_breaker", 50)
    assert len(script.calls) == 3
    clock.now = 61
    assert client.judge(ITEM).reply == json.loads(GOOD)


def test_calls_that_are_refused_at_one_moment_are_one_failure() -> None:
    endpoint = Endpoint()
    for _ in range(8):
        endpoint.failed(started=1.0, now=2.0, fault="busy")
    endpoint.check(now=3.0)
    assert (endpoint.failures, endpoint.fault) == (1, "busy")
    for moment in (4.0, 6.0):
        endpoint.failed(started=moment, now=moment + 1, fault="busy")
    with pytest.raises(Postpone, match="judge_breaker"):
        endpoint.check(now=8.0)


def test_a_closed_port_postpones(store: MemoryStore) -> None:
    client = JudgeClient("judge", "http://127.0.0.1:9/v1", f"key-{next(_keys)}", store, timeout=2)
    with pytest.raises(Postpone, match="judge_connection"):
        client.judge(ITEM)
    assert client.client is not None
    client.client.close()
    assert JudgeClient.absent(MemoryStore()).probe() is None


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (Response('{"error": {"message": "bad key sk-1"}}', 401), "OPENAI_API_KEY"),
        (Response('{"error": {"message": "no such model"}}', 404), "GRADUS_JUDGE_MODEL"),
        (Response("<html>Welcome</html>", content_type="text/html"), "OPENAI_BASE_URL"),
        (Response('{"error": {"message": "no"}}', 400), "chat completions"),
    ],
)
def test_a_wrong_setting_says_how_to_fix_it(
    httpserver: HTTPServer, store: MemoryStore, answer: Response, advice: str
) -> None:
    httpserver.expect_request("/v1/chat/completions").respond_with_response(answer)
    client = JudgeClient("judge", httpserver.url_for("/v1"), f"sk-secret-{next(_keys)}", store, timeout=5)
    with pytest.raises(JudgeMisconfigured, match=advice) as caught:
        client.judge(ITEM)
    assert "sk-" not in str(caught.value)
    assert "the answer" not in str(caught.value)
    assert client.client is not None
    client.client.close()


LIES: list[Any] = [
    {"prompt_tokens": 100, "completion_tokens": 10**12},
    {"prompt_tokens": 10**400, "completion_tokens": 20},
    {"prompt_tokens": 100, "completion_tokens": -(10**6)},
    {"prompt_tokens": -100, "completion_tokens": 20},
    {"prompt_tokens": "many", "completion_tokens": 20},
    {"prompt_tokens": float("inf"), "completion_tokens": float("nan")},
    {"prompt_tokens": [100], "completion_tokens": {}},
    {"prompt_tokens": True, "completion_tokens": True},
    {"prompt_tokens": 100},
    *("a text", [1], 7),
]


@pytest.mark.parametrize(("usage", "fault"), [(None, ""), *((lie, faults.MISCOUNTED) for lie in LIES)], ids=repr)
def test_a_lie_about_tokens_spends_the_high_estimate_and_loses_no_reply(
    client: JudgeClient, script: Script, store: MemoryStore, usage: Any, fault: str
) -> None:
    """An endpoint that reports none is not called faulty."""
    client.prices = Prices(Decimal(1), Decimal(2))
    script.answers = [chat(GOOD, usage=usage)]
    most = len("rulesthe answer") // 3 + OUTPUT_TOKENS
    assert client.judge(ITEM).reply is not None
    assert store.budget == 100_000 - most
    assert store.money == 1_000_000 - most - OUTPUT_TOKENS
    [call] = store.records
    assert (call.prompt_tokens, call.completion_tokens, call.cost_micros) == (0, 0, None)
    assert client.fault == fault


def test_two_calls_of_a_judgement_spend_at_most_what_was_reserved(
    client: JudgeClient, script: Script, store: MemoryStore
) -> None:
    script.refuse = ("json_schema", "json_object")
    script.answers = [chat("no object", usage={"prompt_tokens": 100, "completion_tokens": 3_000}) for _ in range(2)]
    assert client.judge(ITEM).reply is None
    assert store.budget == 100_000 - 2 * (len("rulesthe answer") // 3 + OUTPUT_TOKENS)


def test_a_spent_budget_makes_no_call(client: JudgeClient, script: Script, store: MemoryStore) -> None:
    client.prices = PRICES
    most = PRICES.micros(0, 2 * OUTPUT_TOKENS)
    assert most is not None
    for store.budget, store.money in ((10, 1_000_000), (100_000, most - 1)):
        assert client.judge(ITEM) == Judged(None, "budget")
    assert script.calls == []


def test_the_environment_decides_whether_there_is_a_judge(store: MemoryStore) -> None:
    assert JudgeClient.from_environment(store, {}).judge(ITEM) == Judged(None, "no_endpoint")
    assert JudgeClient.from_environment(store, {"OPENAI_API_KEY": "k"}).judge(ITEM).problem == "no_endpoint"
    made = JudgeClient.from_environment(
        store, {"GRADUS_JUDGE_MODEL": "m", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "k"}
    )
    assert made.client is not None
    assert str(made.client.base_url) == "http://127.0.0.1:9/v1/"
    assert made.client.max_retries == 0
    made.client.close()
