"""The Celery task that wakes up a worker. Its message carries no data: the work is in the database."""

import sys
import threading
from typing import Any

from celery import current_task
from celery.signals import worker_shutting_down

from gradus.celery import app


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


_ending = threading.Event()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def give_back(**more: Any) -> None:
    """Puts the running jobs back into the queue at a warm shutdown, without counting the attempt.

    Without it Celery would wait for the jobs to end, and so would the deploy. It runs in a signal handler, which may
    interrupt the import of `workers.work`: then `ring` ends the worker.
    """
    _ending.set()
    if end := getattr(sys.modules.get("workers.work"), "end_residents", None):
        end()
