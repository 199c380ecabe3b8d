"""Checks which rights workers have in the database."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from django.utils import timezone

from gradus.operations.doctor.grading import SEEN_WITHIN
from gradus.operations.doctor.results import Result, fail, ok, warn
from gradus.operations.worker_role import setting_up
from gradus.submissions.models import WorkerStatus

HINT = "Run `manage.py worker_role` on the web server; see docs/operations/workers.md."


def rights() -> Iterator[Result]:
    """Checks that the role of a worker's machine has few rights, and names workers of other machines that have all."""
    if connection.vendor != "postgresql":
        return
    role = connection.settings_dict["USER"]
    if settings.WORKER_KEY and _is_limited():
        yield ok("worker's rights", f"few: the role {role} sees only the jobs that it holds")
    elif settings.WORKER_KEY:
        yield warn("worker's rights", f"GRADUS_WORKER_KEY is set, but {role} has all rights of the web server", HINT)
    elif _is_limited():
        yield fail("worker's rights", f"{role} is the role of a worker, but GRADUS_WORKER_KEY is not set", HINT)
    else:
        seen = WorkerStatus.objects.filter(last_seen__gte=timezone.now() - SEEN_WITHIN)
        for worker in seen.exclude(name__contains="@").exclude(name__startswith=f"{socket.gethostname()}:"):
            yield warn("worker's rights", f"{worker.name} has all rights of the web server in the database", HINT)
        for name in setting_up.unlimited():
            hint = f"Run `manage.py worker_role {name} --apply --lanes` with the lanes that it has."
            yield warn("worker's rights", f"the role {name} may take all connections of the database", hint)


def _is_limited() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_security_active('submissions_evaluation')")
        return bool(cursor.fetchone()[0])
