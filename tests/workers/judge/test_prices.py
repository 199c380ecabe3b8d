"""The cost of judge calls: prices from settings, a cost for each call, and money reserved and settled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Response

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions.models import Grader
from tests import factories
from tests.workers.judge.test_client import GOOD, ITEM, MemoryStore, Script, chat
from workers.grading import assignments
from workers.judge import prices as judge_prices
from workers.judge.client import OUTPUT_TOKENS, JudgeClient, JudgeMisconfigured
from workers.judge.ledger import Ledger
from workers.judge.prices import Prices, from_environment

PRICES = Prices(Decimal("0.15"), Decimal("0.60"), "EUR")
# The reply counts 100 tokens sent and 20 received.
COST = 27
Make = Callable[..., JudgeClient]


@pytest.fixture
def script(httpserver: HTTPServer) -> Script:
    return Script(httpserver)


@pytest.fixture
def make(httpserver: HTTPServer, script: Script, request: pytest.FixtureRequest) -> Iterator[Make]:
    made: list[JudgeClient] = []

    def client(store: MemoryStore | Ledger, prices: Prices = PRICES) -> JudgeClient:
        key = f"price-{request.node.name}"
        made.append(JudgeClient("judge", httpserver.url_for("/v1"), key, store, timeout=5, prices=prices))
        return made[-1]

    yield client
    for one in made:
        assert one.client is not None
        one.client.close()


def test_a_price_is_that_of_a_million_tokens_and_is_rounded_up() -> None:
    assert PRICES.micros(100, 20) == COST
    assert PRICES.micros(1, 0) == 1
    assert PRICES.micros(1_000_000, 1_000_000) == 750_000
    assert Prices(Decimal(0), Decimal(0)).micros(10, 10) == 0
    assert judge_prices.UNKNOWN.micros(10, 10) is None


def test_prices_come_from_the_settings() -> None:
    found = from_environment(
        {"GRADUS_JUDGE_PRICE_INPUT": "0.15", "GRADUS_JUDGE_PRICE_OUTPUT": "0.60", "GRADUS_JUDGE_CURRENCY": "EUR"}
    )
    assert found == PRICES
    assert from_environment({}) == judge_prices.UNKNOWN
    assert from_environment({"GRADUS_JUDGE_PRICE_INPUT": "", "GRADUS_JUDGE_PRICE_OUTPUT": " "}).are_known is False


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"GRADUS_JUDGE_PRICE_INPUT": "cheap", "GRADUS_JUDGE_PRICE_OUTPUT": "1"},
            "GRADUS_JUDGE_PRICE_INPUT is not a price",
        ),
        (
            {"GRADUS_JUDGE_PRICE_INPUT": "1", "GRADUS_JUDGE_PRICE_OUTPUT": "-1"},
            "GRADUS_JUDGE_PRICE_OUTPUT is not a price",
        ),
        ({"GRADUS_JUDGE_PRICE_INPUT": "NaN", "GRADUS_JUDGE_PRICE_OUTPUT": "1"}, "is not a price"),
        ({"GRADUS_JUDGE_PRICE_INPUT": "1"}, "Set both"),
        ({"GRADUS_JUDGE_CURRENCY": "euro"}, "three capitals"),
    ],
)
def test_what_is_no_price_is_named(given: dict[str, str], said: str) -> None:
    with pytest.raises(JudgeMisconfigured, match=said):
        from_environment(given)
    with pytest.raises(JudgeMisconfigured, match=said):
        JudgeClient.from_environment(Ledger(), {"GRADUS_JUDGE_MODEL": "m", "OPENAI_API_KEY": "k", **given})


def test_a_call_carries_its_cost_and_is_settled(make: Make, script: Script) -> None:
    store, script.answers = MemoryStore(), [chat(GOOD)]
    make(store).judge(ITEM)
    assert (store.records[0].cost_micros, store.records[0].currency) == (COST, "EUR")
    assert store.money == 1_000_000 - COST


def test_an_unknown_price_is_not_zero(make: Make, script: Script) -> None:
    ledger, script.answers = Ledger(), [chat(GOOD)]
    make(ledger, judge_prices.UNKNOWN).judge(ITEM)
    assert (ledger.calls, ledger.unpriced, ledger.cost) == (1, 1, None)


def test_costs_add_up_on_an_authors_machine(make: Make, script: Script) -> None:
    ledger, script.answers = Ledger(), [chat("{}"), chat(GOOD)]
    client = make(ledger)
    client.judge(ITEM)
    client.judge(ITEM)
    assert ledger.cost == {"amount": 2 * COST / 1e6, "currency": "EUR"}


def test_the_money_is_reserved_before_the_call(make: Make, script: Script) -> None:
    store = MemoryStore()
    most = PRICES.micros(0, 2 * OUTPUT_TOKENS)
    assert most is not None
    store.money = most - 1
    assert make(store).judge(ITEM).problem == "budget"
    assert script.calls == []


def test_where_the_endpoint_does_not_count_the_estimate_is_paid(make: Make, script: Script) -> None:
    body = json.loads(chat(GOOD).get_data()) | {"usage": None}
    store, script.answers = MemoryStore(), [Response(json.dumps(body), content_type="application/json")]
    client = make(store)
    assert client.judge(ITEM).reply is not None
    most = client._most(ITEM)
    assert store.records[0].cost_micros is None
    assert (store.budget, store.money) == (100_000 - most.tokens, 1_000_000 - most.micros)
    assert most.micros > 0


def test_the_second_grader_has_prices_of_its_own(
    ada: User, explain: Challenge, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "GRADUS_JUDGE_MODEL": "first",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "GRADUS_JUDGE_PRICE_INPUT": "1",
        "GRADUS_JUDGE_PRICE_OUTPUT": "2",
        "GRADUS_APPEAL_PRICE_INPUT": "10",
        "GRADUS_APPEAL_PRICE_OUTPUT": "20",
    }.items():
        monkeypatch.setenv(name, value)
    evaluation = factories.submit(ada, "explain", factories.FREE_TEXT).current
    assert assignments.judge_for(evaluation, None).prices.micros(1, 1) == 3
    evaluation.grader, settings.APPEAL_MODEL = Grader.SECOND, "second"
    assert assignments.judge_for(evaluation, None).prices.micros(1, 1) == 30
    settings.APPEAL_MODEL = "first"
    assert assignments.judge_for(evaluation, None).prices.micros(1, 1) == 3


def test_a_budget_in_money_needs_prices(
    ada: User, explain: Challenge, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "first")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    evaluation = factories.submit(ada, "explain", factories.FREE_TEXT).current
    settings.JUDGE_MONEY = {"user": None, "challenge": None, "site": 5_000_000}
    with pytest.raises(JudgeMisconfigured, match="prices of first are unknown"):
        assignments.judge_for(evaluation, None)
    monkeypatch.delenv("GRADUS_JUDGE_MODEL")
    assert assignments.judge_for(evaluation, None).client is None
