"""From the runner's events to the event table: at most one write per half second, nothing about hidden rows."""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog
from django.db import DatabaseError, connection

from gradus.submissions import services

log = structlog.get_logger(__name__)
GAP_SECONDS = 0.5
SHOWN_STAGES = ("calibrate", "public", "train")


class EventWriter:
    """Collects events and writes them under the fence. Progress keeps only its latest state per stage."""

    def __init__(self, evaluation_id: int, fence: int) -> None:
        self.key = (evaluation_id, fence)
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()
        self._last = 0.0

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._waiting.clear()

    def add(self, event: dict[str, Any]) -> None:
        """Takes a runner's event; see `shown` for what of it is kept."""
        kept = self.shown(event)
        if kept is None:
            return
        with self._lock:
            if kept[0] == "progress" and self._waiting and self._waiting[-1][0] == "progress":
                self._waiting.pop()
            self._waiting.append(kept)
            due = time.monotonic() - self._last >= GAP_SECONDS or _ends_a_stage(kept)
        if due:
            self.flush()

    def shown(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        """Progress of public rows and of training only: nothing says when hidden rows begin, or how they go on."""
        data = {key: value for key, value in event.items() if key != "type"}
        if event["type"] == "progress" and data.get("stage") not in SHOWN_STAGES:
            return None
        return event["type"], data

    def flush(self) -> None:
        if items := self.take():
            self._write(items)

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """What waits to be written, for who writes it in a transaction of his own."""
        with self._lock:
            items, self._waiting = self._waiting, []
            self._last = time.monotonic()
        return items

    def _write(self, items: list[tuple[str, dict[str, Any]]]) -> None:
        """A page that shows less is no reason to end a job; the next events find the database back, or the end does."""
        try:
            services.append_events(*self.key, items)
        except DatabaseError as error:
            log.warning("events_not_written", count=len(items), reason=type(error).__name__)
            connection.close()


def _ends_a_stage(kept: tuple[str, dict[str, Any]]) -> bool:
    """The last row's progress is written at once: no event of the hidden rows comes after it, by which it would be."""
    kind, data = kept
    return kind == "progress" and data.get("done") is not None and data["done"] == data.get("total")
