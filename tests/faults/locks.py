"""Detects whether a process holds a lock on an evaluation; a process stopped in a transaction keeps its locks."""

from __future__ import annotations

from django.db import OperationalError, connection, transaction

WAIT_MS = 200


def are_free(evaluation_id: int) -> bool:
    """Whether no process has locked the evaluation: its row on PostgreSQL, the whole database on SQLite."""
    return _row_is_free(evaluation_id) if connection.vendor == "postgresql" else writers_are_free()


def _row_is_free(evaluation_id: int) -> bool:
    from gradus.submissions.models import Evaluation

    try:
        with transaction.atomic():
            Evaluation.objects.select_for_update(nowait=True).get(pk=evaluation_id)
    except OperationalError:
        return False
    return True


def writers_are_free() -> bool:
    """Whether no process holds the single write lock of SQLite; always true on PostgreSQL."""
    if connection.vendor == "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(f"pragma busy_timeout = {WAIT_MS}")
        try:
            cursor.execute("begin immediate")
            cursor.execute("rollback")
        except OperationalError:
            return False
        finally:
            cursor.execute("pragma busy_timeout = 30000")
    return True
