"""Prolongs a job's lease from a thread, and notices by its own lateness that the machine stood still meanwhile."""

from __future__ import annotations

import threading
import time

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from gradus.submissions import services

log = structlog.get_logger(__name__)
TICK_SECONDS = 1.0
# A job that stood still for a larger share of its time, or for a whole lease, was not given its time.
PAUSED_SHARE = 0.1


class Standstill:
    """How long ticks that are due each second were late, in all. Times are those of `time.monotonic`."""

    def __init__(self, now: float) -> None:
        self.start = self.last = now
        self.seconds = 0.0

    def tick(self, now: float) -> None:
        self.seconds += self._late(now)
        self.last = now

    def was_long(self, now: float) -> bool:
        """Also where the tick after a pause has not yet come: who asks may wake up first."""
        fair = min(PAUSED_SHARE * (now - self.start), settings.LEASE_SECONDS)
        return self.seconds + self._late(now) > fair

    def _late(self, now: float) -> float:
        """Less than a tick is no pause: a machine may be busy."""
        late = now - self.last - TICK_SECONDS
        return late if late > TICK_SECONDS else 0.0


class Heartbeat:
    """While it lasts; `lost` is set when the evaluation is no longer ours."""

    def __init__(self, evaluation_id: int, fence: int) -> None:
        self.key = (evaluation_id, fence)
        self.lost = threading.Event()
        self._end = threading.Event()
        self._standstill = Standstill(time.monotonic())
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()

    def paused(self) -> bool:
        """Whether this process stood still for a good part of the job, as on a suspended machine.

        Work then runs out of time through nobody's fault. A database that does not answer counts as well: the job's
        own writes wait for it.
        """
        return self._standstill.was_long(time.monotonic())

    def _run(self) -> None:
        due = time.monotonic() + settings.HEARTBEAT_SECONDS
        while not self._end.wait(TICK_SECONDS) and not self.lost.is_set():
            now = time.monotonic()
            self._standstill.tick(now)
            if now >= due:
                self._beat()
                due = now + settings.HEARTBEAT_SECONDS
        connection.close()

    def _beat(self) -> None:
        try:
            if not services.heartbeat(*self.key):
                self.lost.set()
        except DatabaseError as error:
            # One missed beat is survivable: the lease lasts six.
            log.warning("heartbeat_failed", reason=type(error).__name__)
            connection.close()
