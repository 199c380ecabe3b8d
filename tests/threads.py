"""The same work many times at once, each in a thread with a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection

THREADS = 8


def at_once(work: Callable[[int], Any], times: int) -> list[Any]:
    """`work(number)` for each number below `times`; up to eight begin in the same moment."""
    start = Barrier(min(times, THREADS))

    def alone(number: int) -> Any:
        try:
            if number < THREADS:
                start.wait()
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(alone, range(times)))
