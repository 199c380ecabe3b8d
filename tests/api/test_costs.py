from __future__ import annotations

import pytest

from gradus.accounts.models import User
from tests.api.conftest import Caller, problem
from tests.learn.costs import compared as scene


def test_costs_for_nobody_are_the_authors(open_api: Caller, course: object) -> None:
    scene.with_authors()
    body = open_api.get("/challenges/sea-or-sky/costs").json()
    assert [(one["approach"], one["own"], one["score"]) for one in body["costs"]] == [
        ("zero-shot", False, 0.4),
        ("few-shot", False, 0.7),
        ("lora", False, 0.9),
    ]
    assert body["hidden_rows"] == 200 and body["prices"]["currency"] == "USD"
    lora = body["costs"][2]
    assert (lora["bytes"], lora["peak_bytes"], lora["training_seconds"]) == (4_900_000, 812_000_000, [100])
    assert lora["ms"] is None and lora["tokens_read"] == {"value": 20.0, "low": None, "high": None}


def test_costs_for_me_at_my_prices(ada_api: Caller, ada: User, course: object) -> None:
    prompt, _ = scene.compared(ada)
    body = ada_api.get("/challenges/sea-or-sky/costs?input=1&cached=0&output=1&training=3600").json()
    mine = next(one for one in body["costs"] if one["submission"] == str(prompt.uuid))
    assert mine["ms"] == {"value": 13.0, "low": 12.0, "high": 15.0} and mine["tokens_shared"] == 410
    assert body["compared_with"] == "Few-shot: your best"
    authors, own = body["break_even"]
    assert own["money"] == {"requests": 97_500, "low": 95_000, "high": 100_000}
    assert own["money_cached"] is None and own["known"] == ["money", "money_cached", "time"]
    assert authors["known"] == ["money"] and authors["money"]["low"] is None


@pytest.mark.parametrize("query", ["input=-1", "output=nan", "training=inf", "cached=much"])
def test_a_price_that_is_none_is_refused(open_api: Caller, course: object, query: str) -> None:
    response = open_api.get(f"/challenges/sea-or-sky/costs?{query}")
    assert problem(response, 422, "bad_payload")["problems"][0]["field"] == query.split("=")[0]


def test_free_text_has_no_costs(open_api: Caller, course: object) -> None:
    assert open_api.get("/challenges/explain/costs").status_code == 404
