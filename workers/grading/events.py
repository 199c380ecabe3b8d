"""Sends the runner's events to the site, at most twice a second, and leaves out events about hidden rows.

Of successive progress events of a stage the last is kept, and so it is of those that say what was written so far.
Finished rows are put together into one event.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog

from challenges.jobs import Item, Job
from challenges.prompts import order_of
from workers.transport.site import Site

log = structlog.get_logger(__name__)
GAP_SECONDS = 0.5
SHOWN_STAGES = ("calibrate", "index", "public", "train")
ROW_STAGE = "public"


class EventWriter:
    """Collects events and sends them under the job's fence, or drops them where nothing is sent any more."""

    def __init__(self, job: Job, site: Site) -> None:
        self.job, self.site = job, site
        self._waiting: list[Item] = []
        self._lock = threading.Lock()
        self._last = 0.0

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._waiting.clear()

    def add(self, event: dict[str, Any] | None) -> None:
        """Adds an event of the runner, if there is one; `shown` decides which part of it is stored."""
        kept = None if event is None else self.shown(event)
        if kept is None:
            return
        with self._lock:
            self._waiting = [*_without_older(self._waiting, kept), _with_rows(self._waiting, kept)]
            due = time.monotonic() - self._last >= GAP_SECONDS or _is_at_an_end(kept)
        if due:
            self.flush()

    def shown(self, event: dict[str, Any]) -> Item | None:
        """The event's type and data, or None about hidden rows: their start and pace must not be visible."""
        data = {key: value for key, value in event.items() if key != "type"}
        stage = str(data.get("stage"))
        if event["type"] == "progress" and stage not in SHOWN_STAGES and order_of(stage) is None:
            return None
        if event["type"] == "rows" and data.get("stage") != ROW_STAGE:
            return None
        return event["type"], data

    def flush(self) -> None:
        """Writes all waiting events now."""
        if items := self.take():
            self._write(items)

    def take(self) -> list[Item]:
        """Removes and returns the waiting events, so that the caller can write them in its own transaction."""
        with self._lock:
            items, self._waiting = self._waiting, []
            self._last = time.monotonic()
        return items

    def _write(self, items: list[Item]) -> None:
        """Writes the events; an error is only logged, because missing progress must not end a job."""
        try:
            self.site.append_events(self.job, items)
        except Exception as error:
            log.warning("events_not_written", count=len(items), reason=type(error).__name__)
            self.site.hang_up()


def _without_older(waiting: list[Item], new: Item) -> list[Item]:
    """What still waits beside an event that takes the place of earlier ones of its stage."""
    if new[0] not in ("progress", "rows", "written"):
        return waiting
    return [one for one in waiting if one[0] != new[0] or one[1].get("stage") != new[1].get("stage")]


def _with_rows(waiting: list[Item], new: Item) -> Item:
    """An event of finished rows together with those that still wait; any other event as it is."""
    if new[0] != "rows":
        return new
    earlier = [row for kind, data in waiting if kind == "rows" for row in data["rows"]]
    return "rows", {**new[1], "rows": [*earlier, *new[1]["rows"]]}


def _is_at_an_end(kept: Item) -> bool:
    """Whether a stage begins or ends, which is written at once: the next event may take long, or never come."""
    kind, data = kept
    return kind == "progress" and data.get("done") is not None and data["done"] in (0, data.get("total"))
