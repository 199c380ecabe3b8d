"""Renews a job's lease from a thread, and detects from its own late ticks that the machine was suspended."""

from __future__ import annotations

import threading
import time

import structlog

from challenges.jobs import Job
from workers.transport.site import Site

log = structlog.get_logger(__name__)
TICK_SECONDS = 1.0
# A job that was suspended for a larger share of its time, or for a whole lease, did not get the time that it is due.
PAUSED_SHARE = 0.1


class PauseDetector:
    """Adds up by how many seconds the ticks, which are due each second, were late. Times are `time.monotonic`."""

    def __init__(self, now: float, lease_seconds: float) -> None:
        self.start = self.last = now
        self.lease_seconds = lease_seconds
        self.seconds = 0.0

    def tick(self, now: float) -> None:
        """Notes that a tick happened at `now`."""
        self.seconds += self._late(now)
        self.last = now

    def was_long(self, now: float) -> bool:
        """Whether the pauses were too long. A pause whose tick is still due counts: the caller may wake up first."""
        fair = min(PAUSED_SHARE * (now - self.start), self.lease_seconds)
        return self.seconds + self._late(now) > fair

    def _late(self, now: float) -> float:
        """Seconds by which the next tick is late; a delay below one tick is 0, because the machine may be busy."""
        late = now - self.last - TICK_SECONDS
        return late if late > TICK_SECONDS else 0.0


class Heartbeat:
    """Renews the lease while the context lasts, and says that the worker is alive; sets `lost` when it no longer holds
    the evaluation.
    """

    def __init__(self, job: Job, worker: str, site: Site) -> None:
        self.job, self.worker, self.site = job, worker, site
        self.lost = threading.Event()
        self._end = threading.Event()
        self._pauses = PauseDetector(time.monotonic(), job.lease_seconds)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()

    def paused(self) -> bool:
        """Whether this process was suspended for a good part of the job, for example by a sleeping machine.

        The job then ran out of time through nobody's fault. Time in which the site did not answer counts too,
        because the job's own writes waited for it.
        """
        return self._pauses.was_long(time.monotonic())

    def _run(self) -> None:
        due = time.monotonic() + self.job.beat_seconds
        while not self._end.wait(TICK_SECONDS) and not self.lost.is_set():
            now = time.monotonic()
            self._pauses.tick(now)
            if now >= due:
                self._beat()
                due = now + self.job.beat_seconds
        self.site.hang_up()

    def _beat(self) -> None:
        try:
            if not self.site.renew(self.job, self.worker):
                self.lost.set()
        except Exception as error:
            # One missed heartbeat does no harm: the lease lasts for six or more.
            log.warning("heartbeat_failed", reason=type(error).__name__)
            self.site.hang_up()
