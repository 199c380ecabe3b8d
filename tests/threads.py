"""Runs a function many times at once, each time in a thread with its own database connection."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection

THREADS = 8


def at_once(work: Callable[[int], Any], times: int) -> list[Any]:
    """The results of `work(number)` for each number below `times`; up to eight start at the same moment."""
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
