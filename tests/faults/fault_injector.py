"""Faults by chance while work goes on, and how long each evaluation that was hit took to go on."""

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
from tests.faults.processes import Family, parents

KILLED = ("worker", "worker", "runner", "runner", "reconciler", "web", "client")


@dataclass(frozen=True)
class Hit:
    """An evaluation whose worker was hit while it ran, under this fence."""

    evaluation: int
    fence: int
    at: float


class Storm:
    def __init__(self, family: Family, kill_every: int, stop_every: int, stop_s: float) -> None:
        self.family = family
        self.every = {"kill": kill_every, "stop": stop_every}
        self.done = {"kill": 0, "stop": 0}
        self.stop_s = stop_s
        self.stopped: dict[int, float] = {}
        self.hits: list[Hit] = []

    def look(self) -> None:
        """As many faults as the number of ended evaluations calls for, one of each kind at a time."""
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
        for pid in list(self.stopped):
            self._continue(pid)

    def told(self) -> dict[str, Any]:
        recovered = sorted(filter(None, map(_recovery, self.hits)))
        return {"kills": self.done["kill"], "stops": self.done["stop"], "recovery_s": recovered}

    def _kill(self) -> int:
        role = random.choice(KILLED)
        candidates = list(self.family.pids(role))
        if not candidates:
            return 0
        pid = random.choice(candidates)
        if role in ("worker", "runner"):
            self._note(pid if role == "worker" else _parent(pid))
        if role == "web":
            self.family.close_web()
            self.family.open_web()
        else:
            os.kill(pid, signal.SIGKILL)
        return 1

    def _stop(self) -> int:
        """On SQLite between two transactions: who is stopped within one holds the only lock, and all of the site."""
        candidates = [pid for pid in self.family.pids("worker") if pid not in self.stopped]
        if len(candidates) < 2:
            return 0
        pid = random.choice(candidates)
        os.kill(pid, signal.SIGSTOP)
        if not locks.writers_are_free():
            os.kill(pid, signal.SIGCONT)
            return 0
        self._note(pid)
        self.stopped[pid] = time.monotonic() + self.stop_s
        return 1

    def _wake(self) -> None:
        for pid, due in list(self.stopped.items()):
            if time.monotonic() > due or pid not in self.family.members:
                self._continue(pid)

    def _continue(self, pid: int) -> None:
        del self.stopped[pid]
        if pid in self.family.members:
            os.kill(pid, signal.SIGCONT)

    def _note(self, worker: int) -> None:
        """Before the kill the worker's connection may still be busy; what it holds is in the database."""
        now = time.time()
        held = Evaluation.objects.filter(state="running", worker__endswith=f":{worker}").values_list("pk", "fence")
        self.hits += [Hit(pk, fence, now) for pk, fence in held]


def _parent(pid: int) -> int:
    return dict(parents()).get(pid, 0)


def _recovery(hit: Hit) -> float | None:
    """Seconds from the fault to the next claim, or to the end where no claim was needed."""
    times = Event.objects.filter(evaluation_id=hit.evaluation, created_at__isnull=False).order_by("seq")
    claims = list(times.filter(type="started").values_list("created_at", flat=True))
    ends = list(times.filter(type="finished").values_list("created_at", flat=True))
    later = [*claims[hit.fence : hit.fence + 1], *ends]
    return max(0.0, later[0].timestamp() - hit.at) if later else None
