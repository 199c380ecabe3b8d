"""The Celery application. Its only task, `workers.ring`, wakes a worker, which then looks into the database.

`docs/operations/programs.md` gives the reasons for the settings.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")

from django.conf import settings

app = Celery("gradus")
app.conf.update(
    broker_url=settings.REDIS_URL or "memory://",
    task_ignore_result=True,
    # Leases in the database recover lost work. Late acknowledgement and redelivery would only run it twice
    # (celery#5935, celery#9082).
    task_acks_late=False,
    task_reject_on_worker_lost=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    worker_soft_shutdown_timeout=30,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "health_check_interval": 25,
        "max_retries": 0,
        "socket_connect_timeout": 2,
        "socket_timeout": 30,
        "socket_keepalive": True,
    },
    task_default_queue="interactive",
    task_create_missing_queues=True,
    imports=("workers.tasks",),
)
