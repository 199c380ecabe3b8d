"""The bell: a Celery message without content that wakes a worker. The queue itself is the table of evaluations."""

import structlog
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)


def ring(lane: str) -> bool:
    """Wakes one worker of the lane, which then looks for work. Returns False if no message was sent.

    A broker that is down is not an error, because workers also look for work by themselves.
    """
    if not settings.REDIS_URL:
        return False
    from gradus.celery import app

    try:
        app.send_task("workers.ring", queue=lane, retry=False, expires=60)
    except Exception as error:
        # The client of a broker can raise many exceptions. The evaluation is queued, and the reconciler rings again.
        log.warning("bell_not_rung", lane=lane, reason=f"{type(error).__name__}: {error}")
        return False
    return True


def ring_after_commit(lane: str) -> None:
    """Rings when the current transaction has been committed, so that the worker finds the evaluation."""
    transaction.on_commit(lambda: ring(lane))
