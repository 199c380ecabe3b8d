"""The Celery doorbell: it says "look", and carries nothing."""

from celery import current_task

from gradus.celery import app


@app.task(name="workers.ring")  # type: ignore[untyped-decorator]
def ring() -> None:
    """Looks once at the lane that rang."""
    from django.db import close_old_connections

    from workers.work import resident

    close_old_connections()

    lane = current_task.request.delivery_info["routing_key"]
    resident(lane).answer_bell()
