"""The Celery task that wakes up a worker. Its message carries no data: the work is in the database."""

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
    """Lets this process's worker of the lane do one evaluation; the lane is the name of the queue."""
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
    """Remembers the Celery worker, whose pool must be told to end."""
    _controller[:] = [sender]
    # A process of the pool that has not installed its handler yet would be killed by the signal, and Celery would
    # report a lost worker.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def listen(**more: Any) -> None:
    """Installs the signal handler in each process of the pool, whose main thread does the job."""
    signal.signal(signal.SIGUSR2, lambda *_: _end_residents())


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def give_back(**more: Any) -> None:
    """Puts the running jobs back into the queue at a warm shutdown, without counting the attempt.

    Without it Celery would wait for the jobs to end, and so would the deploy.
    """
    _end_residents()
    for worker in _controller:
        for pid in pool_process_ids(worker):
            if pid != os.getpid():
                os.kill(pid, signal.SIGUSR2)


def _end_residents() -> None:
    """Ends this process's workers. It runs in a signal handler, which may interrupt the import of `workers.work`: then
    `ring` ends the worker.
    """
    _ending.set()
    if end := getattr(sys.modules.get("workers.work"), "end_residents", None):
        end()
