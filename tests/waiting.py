"""Waiting for a condition, with one generous limit for all tests: a busy machine is slow, and that is no fault."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = float(os.environ.get("GRADUS_TEST_PATIENCE", "120"))
PAUSE_SECONDS = 0.05


def wait_until(
    true: Callable[[], object], told: Callable[[], object] = str, *, seconds: float = PATIENCE_SECONDS
) -> None:
    """Waits until `true()` holds. Raises AssertionError in the end, with the condition and what `told` returns then.

    A benchmark gives the `seconds` that its own work takes.
    """
    pause, end = threading.Event(), time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:g} s: {source(true)} {told()}"
        pause.wait(PAUSE_SECONDS)


def source(true: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(true).split())
    except OSError:
        return repr(true)
