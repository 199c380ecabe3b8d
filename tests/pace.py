"""How long something computes, beside reading JSON in the same process: a slow or busy machine is so for both."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

ROWS = [json.dumps({"input": f"row {number}", "output": "sea"}) for number in range(50_000)]
# No machine of today reads the rows faster: what is quicker than that many times this needs no comparison.
LEAST_SECONDS = 0.04


@contextmanager
def within(times: float) -> Iterator[None]:
    """Fails if the block computes for more than so many times as long as Python reads 50,000 short rows of JSON."""
    started = time.process_time()
    yield
    took = time.process_time() - started
    if took > times * LEAST_SECONDS:
        one = min(_reading() for _ in range(3))
        assert took < times * one, f"{took:.2f} s, which is {took / one:.1f} times as long, not {times}"


def _reading() -> float:
    started = time.process_time()
    for row in ROWS:
        json.loads(row)
    return time.process_time() - started
