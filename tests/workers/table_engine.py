"""A base model that answers by a function of the prompt, for whatever a grader asks of it about labels."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from graders.base import Score, Scored
from workers.engine.choice import DEFAULT, Choice


class TableEngine:
    """`label_of` takes the shared prompt and the end of a row's, and names the label that is the most probable."""

    device, dtype, threads = "cpu", "float32", 1
    memory_bytes = 16 << 30
    worked = staticmethod(time.monotonic)

    def __init__(self, label_of: Callable[[str, str], str]) -> None:
        self.label_of = label_of

    def choose(self, model: str, *, should_stop: Any) -> Choice:
        return DEFAULT

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        assert isinstance(item, Score)
        rows = [self._row(item, suffix) for suffix in item.suffixes]
        on_event({"type": "progress", "stage": item.stage, "done": len(rows), "total": len(rows)})
        return Scored(rows, [12] * len(rows), 0.001 * len(rows))

    def _row(self, item: Score, suffix: str) -> list[float]:
        wanted = self.label_of(item.prompt, suffix)
        return [math.log(0.9 if label.strip() == wanted else 0.1) for label in item.labels]

    def close(self) -> None:
        """Nothing to end."""
