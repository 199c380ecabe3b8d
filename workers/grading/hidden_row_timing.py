"""Returns results on hidden rows at fixed times, so that the duration of a job reveals nothing about hidden rows.

A person who watches a submission sees when it ends, when the next one begins, and how the queue moves. All of these
happen after the hidden rows were graded, so each of them would reveal how long that took. The time for hidden rows is
therefore fixed beforehand from facts that a learner knows: how long the public rows took in the same job, and how many
public and hidden rows there are. The tokens of hidden rows are not among them: a time that went by them would reveal
them. Instead, lint keeps hidden rows at about as many tokens as public ones, so that the fixed time is nearly always
enough.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from challenges.lint.rows import LENGTH_SHARE
from graders.base import Generate, Result, Retrieve, Score, WorkItem
from workers.execute import CarryOut, ShouldStop
from workers.sandbox.supervisor import Stopped

# Time goes by tokens, of which lint allows hidden rows a quarter more than public ones. The rest allows for a machine
# whose speed varies. With a factor of 1.5 and timings that vary by 15 %, two hidden sets at lint's bounds could be told
# apart with an AUC of 0.66; with a factor of 2 the AUC is 0.51.
SPEED_VARIES = 1.6
FACTOR = (1 + LENGTH_SHARE) * SPEED_VARIES
MIN_SECONDS = 0.25
# Without public rows there is nothing to derive a time from: results then come at multiples of this coarse step.
UNKNOWN_SECONDS = 5.0
POLL_SECONDS = 0.05


class Pace:
    """The schedule of one grading, whose items go through `around`.

    `seconds` is the time limit of the whole job by `clock` (by default the wall clock), from now on; no result is held
    back beyond it.
    """

    def __init__(self, stop: ShouldStop, seconds: float, clock: Callable[[], float] | None = None) -> None:
        self.stop, self.clock = stop, clock or time.monotonic
        self.until = self.clock() + seconds
        self.per_row: dict[type[WorkItem], float] = {}

    def around(self, item: WorkItem, carry_out: CarryOut) -> Result:
        """Measures the time per public row, and holds back a result on hidden rows until its time is over.

        Raises `Stopped` if `stop` returns true while a result is held back.
        """
        began = time.monotonic()
        result = carry_out(item)
        rows = _rows(item)
        if rows and item.stage == "public":
            self.per_row[type(item)] = _seconds(result, began) / rows
        elif rows and item.stage == "hidden":
            self._hold(began, self._allowed(type(item), rows))
        return result

    def _allowed(self, work: type[WorkItem], rows: int) -> float:
        """Seconds that `rows` hidden rows may take; looking rows up and answering them take different times."""
        per_row = self.per_row.get(work)
        return UNKNOWN_SECONDS if per_row is None else max(MIN_SECONDS, FACTOR * per_row * rows)

    def _hold(self, began: float, allowed: float) -> None:
        """Waits until the next multiple of `allowed` seconds after `began`; a second multiple reveals little."""
        took = time.monotonic() - began
        end = time.monotonic() + self.until - self.clock()
        due = min(began + max(1, math.ceil(took / allowed)) * allowed, end)
        while (left := due - time.monotonic()) > 0:
            if self.stop():
                raise Stopped
            time.sleep(min(left, POLL_SECONDS))


def _rows(item: WorkItem) -> int:
    """How many rows an item is about; 0 for an item that is about none."""
    if isinstance(item, Retrieve):
        return len(item.queries)
    return len(item.suffixes) if isinstance(item, Score | Generate) else 0


def _seconds(result: Any, began: float) -> float:
    """Seconds of the item as measured by the engine, without loading a model; else the time since `began`."""
    return float(getattr(result, "seconds", 0.0)) or time.monotonic() - began
