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


def test_runs_become_one_line_for_each_method() -> None:
    training = {"trainable_share": 0.0178, "adapter_bytes": 4.9e6, "seconds": 60.0, "peak_bytes": 1e9}
    runs = [
        tickets.Run("a machine", "lora", {"r": 8}, seed, False, score, {"ms": 300.0}, training)
        for seed, score in ((18, 0.6), (17, 0.5))
    ]
    *_, line = tickets.table(runs)
    assert line == "| LoRA | r 8 | hidden | 0.500, 0.600 | 0.550 | 1.78% | 4.9 | 1.00 | 60 | 300 |"
