"""A runner that only embeds texts, so far apart or so near to each other as a test asks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from graders.base import Embed, Embedded
from workers.engine.choice import DEFAULT


class Embedding:
    """A runner that embeds each text as an axis of its own, or with `spread` as a point on the unit circle, so many
    degrees from the one that came before.
    """

    device, dtype, threads = "cpu", "float32", 1
    memory_bytes = 16 << 30
    worked = staticmethod(time.monotonic)

    def __init__(self, spread: float = 0.0, before: Callable[[], Any] = lambda: None) -> None:
        self.spread, self.before = spread, before
        self.places: dict[str, int] = {}
        self.asked: list[tuple[str, ...]] = []

    def choose(self, model: str, *, should_stop: Any) -> Any:
        return DEFAULT

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Embedded:
        assert isinstance(item, Embed) and seconds > 0
        self.asked.append(item.texts)
        self.before()
        return Embedded([self._point(text) for text in item.texts])

    def _point(self, text: str) -> list[float]:
        place = self.places.setdefault(text, len(self.places))
        if not self.spread:
            return [float(axis == place) for axis in range(200)]
        angle = math.radians(self.spread * place)
        return [math.cos(angle), math.sin(angle)]

    def close(self) -> None:
        """Nothing to end."""
