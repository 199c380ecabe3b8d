"""The doorbell: a message without payload on the queue named after the lane. The database is the queue."""

import structlog
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)


def ring(lane: str) -> bool:
    """Says "look" to one worker of the lane. A broker that is down is no error: workers look by themselves."""
    if not settings.REDIS_URL:
        return False
    from gradus.celery import app

    try:
        app.send_task("workers.ring", queue=lane, retry=False, expires=60)
    except Exception as error:
        # Whatever the broker's client raises, the row is queued and the reconciler rings again.
        log.warning("bell_not_rung", lane=lane, reason=f"{type(error).__name__}: {error}")
        return False
    return True


def ring_after_commit(lane: str) -> None:
    transaction.on_commit(lambda: ring(lane))
