"""Results about hidden rows come back on a schedule that public rows set, so that no time tells of hidden rows.

Whoever watches a submission sees when it ends, when the next one begins, and how the queue moves. All of that happens
after the hidden rows were graded, so their time would show in each of them. It is therefore fixed beforehand, from what
a learner knows anyway: how long the public rows took in the same job, and how many rows there are of either kind. Lint
keeps hidden rows about as long as public ones, so that the time which is allowed nearly always suffices.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from graders.base import Generate, Grading, Result, Score, WorkItem
from workers.sandbox.supervisor import Stopped

# Lint lets hidden rows be longer by a quarter; the rest is for a machine that is not always equally fast. With 1.5 and
# measurements that vary by 15 % two hidden sets at lint's bounds were told apart with an AUC of 0.66, with 2 of 0.51.
FACTOR = 2.0
LEAST_SECONDS = 0.25
# Without public rows nothing is known beforehand, and only a coarse step is left.
UNKNOWN_SECONDS = 5.0
LOOK_SECONDS = 0.05


def paced(grading: Grading, stop: Callable[[], bool], seconds: float) -> Grading:
    """The same grading, but it goes on from its hidden rows when their time is over, however quick they were.

    `seconds` are those of the whole job, beyond which nothing is held. Raises `Stopped` where `stop` says so meanwhile.
    """
    pace = _Pace(stop, time.monotonic() + seconds)
    try:
        item = next(grading)
        while True:
            began = time.monotonic()
            result: Result = yield item
            pace.keep(item, result, began)
            item = grading.send(result)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]
    finally:
        grading.close()


class _Pace:
    """Of one grading. `until` is the end of the whole job on the monotonic clock."""

    def __init__(self, stop: Callable[[], bool], until: float) -> None:
        self.stop, self.until = stop, until
        self.per_row: float | None = None

    def keep(self, item: WorkItem, result: Result, began: float) -> None:
        """Learns from public rows, and waits after hidden ones."""
        if not isinstance(item, Score | Generate) or not item.suffixes:
            return
        if item.stage == "public":
            self.per_row = _seconds(result, began) / len(item.suffixes)
        elif item.stage == "hidden":
            self._hold(began, self._allowed(len(item.suffixes)))

    def _allowed(self, rows: int) -> float:
        """Seconds for so many hidden rows."""
        return UNKNOWN_SECONDS if self.per_row is None else max(LEAST_SECONDS, FACTOR * self.per_row * rows)

    def _hold(self, began: float, allowed: float) -> None:
        """Until the first multiple of `allowed` that is over: where one did not suffice, little is told by two."""
        took = time.monotonic() - began
        due = min(began + max(1, math.ceil(took / allowed)) * allowed, self.until)
        while (left := due - time.monotonic()) > 0:
            if self.stop():
                raise Stopped
            time.sleep(min(left, LOOK_SECONDS))


def _seconds(result: Any, began: float) -> float:
    """The engine's own, without the time in which a model was loaded, where it tells."""
    return float(getattr(result, "seconds", 0.0)) or time.monotonic() - began
