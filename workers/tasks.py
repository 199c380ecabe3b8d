"""The Celery doorbell: it says "look", and carries nothing."""

import os
import signal
import sys
import threading
from typing import Any

from celery import current_task
from celery.signals import worker_init, worker_process_init, worker_shutting_down

from gradus.celery import app
from workers.celery_internals import pool_process_ids


@app.task(name="workers.ring")  # type: ignore[untyped-decorator]
def ring() -> None:
    """Looks once at the lane that rang."""
    from django.db import close_old_connections

    from workers.work import resident

    close_old_connections()

    lane = current_task.request.delivery_info["routing_key"]
    worker = resident(lane)
    if _ending.is_set():
        worker.end()
    worker.answer_bell()


_controller: list[Any] = []
_ending = threading.Event()


@worker_init.connect  # type: ignore[untyped-decorator]
def keep(sender: Any, **more: Any) -> None:
    _controller[:] = [sender]
    # Until a process of the pool listens: else the signal would kill it, and Celery would tell of a lost worker.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def listen(**more: Any) -> None:
    """In each process of the pool, whose main thread does the job."""
    signal.signal(signal.SIGUSR2, lambda *_: _end_residents())


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def give_back(**more: Any) -> None:
    """A deploy: jobs go back to the queue at once, their attempts not counted. Else Celery would wait for their end."""
    _end_residents()
    for worker in _controller:
        for pid in pool_process_ids(worker):
            if pid != os.getpid():
                os.kill(pid, signal.SIGUSR2)


def _end_residents() -> None:
    """Also in a signal handler, which may have interrupted the import of what it ends: `ring` sees to that."""
    _ending.set()
    if end := getattr(sys.modules.get("workers.work"), "end_residents", None):
        end()
