"""The table of training methods: what each trains on, and how its runs are written."""

from __future__ import annotations

import json

import pytest

from benchmarks import tickets
from challenges.kinds.tune import TunePayload
from challenges.reading import read_challenge
from challenges.training_methods import METHODS


@pytest.mark.parametrize("method", METHODS)
def test_each_method_trains_on_the_same_tickets(method: str) -> None:
    bundle = read_challenge(tickets.TICKETS)
    changed = tickets.variant(bundle, method, 18)
    payload = tickets.payload(changed, method, tickets.CHOSEN[method])
    assert isinstance(payload, TunePayload) and payload.method == method and changed.seed == 18
    mails = [row.input for row in payload.rows]
    assert mails == [row.input for row in bundle.train[: tickets.ROWS]]
    if METHODS[method].compares:
        for row in payload.rows:
            right, wrong = json.loads(row.chosen), json.loads(row.rejected)
            assert right["summary"] == wrong["summary"]
            assert right["priority"] != wrong["priority"] and right["category"] != wrong["category"]
