"""The cost of judge calls: prices from settings, a cost for each call, and money reserved and settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions.models import Grader
from tests import factories
from tests.workers.judge.test_client import COST, GOOD, ITEM, PRICES, Script, chat
from workers.judge import prices as judge_prices
from workers.judge.client import JudgeClient, JudgeMisconfigured
from workers.judge.ledger import Ledger
from workers.judge.prices import Prices, from_environment
from workers.transport import judging

Make = Callable[..., JudgeClient]


@pytest.fixture
def script(httpserver: HTTPServer) -> Script:
    return Script(httpserver)


@pytest.fixture
def make(httpserver: HTTPServer, script: Script, request: pytest.FixtureRequest) -> Iterator[Make]:
    made: list[JudgeClient] = []

    def client(store: Ledger, prices: Prices) -> JudgeClient:
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
    assert from_environment({INPUT: "0.15", OUTPUT: "0.60", "GRADUS_JUDGE_CURRENCY": "EUR"}) == PRICES
    assert from_environment({}) == judge_prices.UNKNOWN
    assert from_environment({INPUT: "", OUTPUT: " "}).are_known is False


INPUT, OUTPUT = "GRADUS_JUDGE_PRICE_INPUT", "GRADUS_JUDGE_PRICE_OUTPUT"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({INPUT: "cheap", OUTPUT: "1"}, f"{INPUT} is not a price"),
        ({INPUT: "1", OUTPUT: "-1"}, f"{OUTPUT} is not a price"),
        ({INPUT: "NaN", OUTPUT: "1"}, "is not a price"),
        ({INPUT: "1"}, "Set both"),
        ({"GRADUS_JUDGE_CURRENCY": "euro"}, "three capitals"),
    ],
)
def test_what_is_no_price_is_named(given: dict[str, str], said: str) -> None:
    with pytest.raises(JudgeMisconfigured, match=said):
        from_environment(given)
    with pytest.raises(JudgeMisconfigured, match=said):
        JudgeClient.from_environment(Ledger(), {"GRADUS_JUDGE_MODEL": "m", "OPENAI_API_KEY": "k", **given})


def test_costs_add_up_on_an_authors_machine_and_an_unknown_price_is_not_zero(make: Make, script: Script) -> None:
    ledger, script.answers = Ledger(), [chat("{}"), *[chat(GOOD)] * 2]
    client = make(ledger, PRICES)
    client.judge(ITEM)
    client.judge(ITEM)
    assert ledger.cost == {"amount": 2 * COST / 1e6, "currency": "EUR"}
    unknown = Ledger()
    make(unknown, judge_prices.UNKNOWN).judge(ITEM)
    assert (unknown.calls, unknown.unpriced, unknown.cost) == (1, 1, None)


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
    assert judging.judge_for(evaluation, None).prices.micros(1, 1) == 3
    evaluation.grader, settings.APPEAL_MODEL = Grader.SECOND, "second"
    assert judging.judge_for(evaluation, None).prices.micros(1, 1) == 30
    settings.APPEAL_MODEL = "first"
    assert judging.judge_for(evaluation, None).prices.micros(1, 1) == 3


def test_a_budget_in_money_needs_prices(
    ada: User, explain: Challenge, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "first")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    evaluation = factories.submit(ada, "explain", factories.FREE_TEXT).current
    settings.JUDGE_MONEY = {"user": None, "challenge": None, "site": 5_000_000}
    with pytest.raises(JudgeMisconfigured, match="prices of first are unknown"):
        judging.judge_for(evaluation, None)
    monkeypatch.delenv("GRADUS_JUDGE_MODEL")
    assert judging.judge_for(evaluation, None).client is None
