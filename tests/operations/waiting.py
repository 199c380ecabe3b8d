import threading
import time
from collections.abc import Callable


def until(holds: Callable[[], object], seconds: float = 20, what: Callable[[], object] = str) -> None:
    """Waits for a condition; fails when it does not come, and then says what `what` returns."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not holds():
        assert time.monotonic() < end, f"the condition did not come: {what()}"
        pause.wait(0.02)
