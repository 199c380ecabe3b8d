"""Injects random faults while work goes on, and measures how long the hit evaluations take to recover."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection

from gradus.submissions.models import Evaluation, Event
from tests.faults import locks
from tests.faults.processes import Processes, parents

KILLED = ("worker", "worker", "runner", "runner", "reconciler", "web", "client")


@dataclass(frozen=True)
class Hit:
    """An evaluation that ran under this fence when its worker was hit at `at` (Unix time in seconds)."""

    evaluation: int
    fence: int
    at: float


class FaultInjector:
    """Kills a process after every `kill_every` ended evaluations, and stops a worker after every `stop_every`."""

    def __init__(self, children: Processes, kill_every: int, stop_every: int, stop_s: float) -> None:
        self.children = children
        self.every = {"kill": kill_every, "stop": stop_every}
        self.done = {"kill": 0, "stop": 0}
        self.stop_s = stop_s
        self.stopped: dict[int, float] = {}
        self.hits: list[Hit] = []

    def inject_due(self) -> None:
        """Injects the faults that are due by the number of ended evaluations, at most one of each kind."""
        self._wake()
        if not any(self.every.values()):
            return
        try:
            ended = Evaluation.objects.filter(finished_at__isnull=False).count()
        except DatabaseError:
            connection.close()
            return
        for kind, every in self.every.items():
            if every and ended // every > self.done[kind]:
                self.done[kind] += getattr(self, f"_{kind}")()

    def end(self) -> None:
        """Lets all stopped workers continue."""
        for pid in list(self.stopped):
            self._continue(pid)

    def summary(self) -> dict[str, Any]:
        """The number of kills and stops, and the sorted recovery times in seconds."""
        recovered = sorted(filter(None, map(_recovery, self.hits)))
        return {"kills": self.done["kill"], "stops": self.done["stop"], "recovery_s": recovered}

    def _kill(self) -> int:
        role = random.choice(KILLED)
        candidates = list(self.children.pids(role))
        if not candidates:
            return 0
        pid = random.choice(candidates)
        if role in ("worker", "runner"):
            self._note_hits(pid if role == "worker" else _parent(pid))
        if role == "web":
            self.children.close_web()
            self.children.open_web()
        else:
            os.kill(pid, signal.SIGKILL)
        return 1

    def _stop(self) -> int:
        """Stops a worker; on SQLite only between two transactions, because a stopped writer would block the site."""
        candidates = [pid for pid in self.children.pids("worker") if pid not in self.stopped]
        if len(candidates) < 2:
            return 0
        pid = random.choice(candidates)
        os.kill(pid, signal.SIGSTOP)
        if not locks.writers_are_free():
            os.kill(pid, signal.SIGCONT)
            return 0
        self._note_hits(pid)
        self.stopped[pid] = time.monotonic() + self.stop_s
        return 1

    def _wake(self) -> None:
        for pid, due in list(self.stopped.items()):
            if time.monotonic() > due or pid not in self.children.members:
                self._continue(pid)

    def _continue(self, pid: int) -> None:
        del self.stopped[pid]
        if pid in self.children.members:
            os.kill(pid, signal.SIGCONT)

    def _note_hits(self, worker: int) -> None:
        """Notes the evaluations that the worker holds according to the database."""
        now = time.time()
        held = Evaluation.objects.filter(state="running", worker__endswith=f":{worker}").values_list("pk", "fence")
        self.hits += [Hit(pk, fence, now) for pk, fence in held]


def _parent(pid: int) -> int:
    return dict(parents()).get(pid, 0)


def _recovery(hit: Hit) -> float | None:
    """Seconds from the fault to the next claim, or to the end if no new claim was needed; None if neither came."""
    times = Event.objects.filter(evaluation_id=hit.evaluation, created_at__isnull=False).order_by("seq")
    claims = list(times.filter(type="started").values_list("created_at", flat=True))
    ends = list(times.filter(type="finished").values_list("created_at", flat=True))
    later = [*claims[hit.fence : hit.fence + 1], *ends]
    return max(0.0, later[0].timestamp() - hit.at) if later else None
