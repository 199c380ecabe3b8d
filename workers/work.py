"""Workers beside the site, which the Celery task and `manage.py work` call."""

from __future__ import annotations

import threading
from typing import Any

from gradus.submissions import queue
from workers.sandbox.supervisor import Runner
from workers.transport.beside import Beside
from workers.transport.gold_vectors import GoldStore
from workers.worker import Worker as AnyWorker


class Worker(AnyWorker):
    """A worker with the site's own database and stores."""

    def __init__(self, lane: str, *, runner: Runner | None = None, judge: Any = None) -> None:
        super().__init__(lane, Beside(), runner=runner, judge=judge, gold=GoldStore())

    def answer_bell(self) -> None:
        """Grades one job and rings again if there may be more, so that other lanes get their turn in between."""
        if self.step():
            queue.ring(self.lane)
        else:
            self.warm()


_residents: dict[str, Worker] = {}
# The judge lane runs several threads, which share one worker and one runner.
_making = threading.Lock()


def end_residents() -> None:
    """Stops all workers of this process. It takes no lock, because the interrupted thread may hold it."""
    for worker in list(_residents.values()):
        worker.end()


def resident(lane: str) -> Worker:
    """This process's worker of the lane. It is made on first use, because Celery forks its processes first."""
    with _making:
        if lane not in _residents:
            _residents[lane] = Worker(lane)
        return _residents[lane]
