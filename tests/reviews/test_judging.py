"""What stands behind a judge call: log, cache and budgets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction
from pytest_django.fixtures import Settings

from graders.base import Judged
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews.judge_store import Store
from gradus.reviews.models import Budget, JudgeCall
from tests import factories
from workers.judge.client import CallRecord

RECORD = CallRecord(
    key="k" * 64,
    template="t1",
    model="judge-1",
    rung="json_schema",
    request={"messages": []},
    response='{"criteria": []}',
    reply={"criteria": []},
    problem="",
    prompt_tokens=900,
    completion_tokens=100,
    seconds=1.5,
)


@pytest.fixture
def store(ada: User, explain: Challenge, settings: Settings) -> Store[Judged]:
    settings.JUDGE_TOKENS = {"user": 1000, "challenge": 1500, "site": 10_000}
    settings.JUDGE_MONEY = {"user": 2_000_000, "challenge": None, "site": 3_000_000}
    return Store(factories.submit(ada, "explain", factories.FREE_TEXT).current, Judged)


def spent() -> dict[str, int]:
    return dict(Budget.objects.values_list("scope", "spent"))


def money() -> dict[str, int]:
    return dict(Budget.objects.values_list("scope", "spent_micros"))


def test_a_call_is_kept_whole(store: Store[Judged]) -> None:
    call = JudgeCall.objects.get(pk=store.log(RECORD))
    assert (call.evaluation, call.model, call.reply) == (store.evaluation, "judge-1", {"criteria": []})
    assert (call.prompt_tokens, call.completion_tokens, call.seconds) == (900, 100, 1.5)
    assert (call.cost_micros, call.currency) == (None, "")
    priced = JudgeCall.objects.get(pk=store.log(replace(RECORD, cost_micros=195, currency="EUR")))
    assert (priced.cost_micros, priced.currency) == (195, "EUR")
    # Except for what PostgreSQL cannot store.
    broken, shown = "a\x00b\ud800c", "a\ufffdb\ufffdc"
    call = JudgeCall.objects.get(pk=store.log(replace(RECORD, response=broken, reply={"why": [broken]})))
    assert (call.response, call.reply) == (shown, {"why": [shown]})


def test_the_first_usable_reply_is_found_again_in_the_callers_words(store: Store[Judged]) -> None:
    store.log(replace(RECORD, reply=None, problem="unusable (length)" + "x" * 300))
    store.log(replace(RECORD, problem="unusable (length)"))
    assert store.cached(RECORD.key) is None
    pk = store.log(RECORD)
    store.log(replace(RECORD, reply={"criteria": [1]}))
    assert JudgeCall.objects.count() == 4
    assert store.cached(RECORD.key) == Judged({"criteria": []}, "", "judge-1", pk)
    assert store.cached("x" * 64) is None
    words = {"reply": {"criteria": []}, "problem": "", "model": "judge-1", "call_id": pk}
    assert Store(store.evaluation, lambda **values: values).cached(RECORD.key) == words


def test_tokens_come_off_every_budget(store: Store[Judged], ada: User) -> None:
    assert store.reserve(600) is True
    assert spent() == {"challenge:explain": 600, "site": 600, f"user:{ada.pk}": 600}
    store.settle(600, 250)
    assert set(spent().values()) == {250}


def test_a_spent_budget_takes_nothing_off_the_others(store: Store[Judged], ada: User) -> None:
    assert store.reserve(800)
    assert store.reserve(300) is False
    assert set(spent().values()) == {800}
    assert store.reserve(200) is True


def test_one_question_cannot_spend_the_site(store: Store[Judged], bob: User) -> None:
    other = Store(factories.submit(bob, "explain", factories.FREE_TEXT).current, Judged)
    assert store.reserve(1000) and other.reserve(500)
    assert other.reserve(1) is False
    assert spent()["site"] == 1500


def test_a_call_that_cost_more_than_reserved_stays_within_the_budget(store: Store[Judged], ada: User) -> None:
    store.reserve(900, 100)
    store.settle(900, 5000, 100, 9_000_000)
    assert spent() == {"challenge:explain": 1500, "site": 5000, f"user:{ada.pk}": 1000}
    assert money() == {"challenge:explain": 9_000_000, "site": 3_000_000, f"user:{ada.pk}": 2_000_000}
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.filter(scope="site").update(spent_micros=3_000_001)


def test_money_comes_off_every_budget_and_bounds_it(store: Store[Judged], ada: User, bob: User) -> None:
    assert store.reserve(10, 1_500_000) is True
    assert set(money().values()) == {1_500_000}
    assert store.reserve(10, 600_000) is False
    other = Store(factories.submit(bob, "explain", factories.FREE_TEXT).current, Judged)
    assert other.reserve(10, 1_600_000) is False
    assert other.reserve(10, 1_500_000) is True
    store.settle(10, 5, 1_500_000, 250_000)
    assert money() == {
        "challenge:explain": 1_750_000,
        "site": 1_750_000,
        f"user:{ada.pk}": 250_000,
        f"user:{bob.pk}": 1_500_000,
    }
    assert spent()["site"] == 15
