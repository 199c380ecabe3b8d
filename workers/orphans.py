"""Deletes files that no row refers to: of zombies, of attempts that were taken up again, of learners who have left.

A worker writes a file under (evaluation, fence) before the row names it. Only the holder of that fence can ever make
the row do so, and only while the evaluation runs. So a file is an orphan for good when the row does not name it and the
evaluation has ended, waits, has a later fence, or is gone. Nothing is locked, and several may sweep at once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import structlog
from django.core.files.storage import storages
from django.utils import timezone

from gradus import stores
from gradus.submissions.models import Evaluation
from gradus.submissions.states import State

log = structlog.get_logger(__name__)
EVERY_SECONDS = 3600.0
# Also for what reads a file that its row has just stopped naming.
GRACE = timedelta(hours=24)
BATCH = 500
# Store, folder, the column that names the file. Django's own name for a second file of one name has a suffix.
KINDS = (
    ("private", "raw/", "raw", re.compile(r"raw/(\d{1,18})/(\d{1,9})(?:_\w+)?\.json")),
    ("artifacts", "", "artifact", re.compile(r"(\d{1,18})/(\d{1,9})/adapter(?:_\w+)?\.zip")),
)
Found = tuple[str, int, int]


class Round:
    """Looks once an hour, and at once after a start: a listing of a large bucket is not for every ten seconds."""

    def __init__(self) -> None:
        self.due = 0.0

    def __call__(self) -> int:
        if time.monotonic() < self.due:
            return 0
        self.due = time.monotonic() + EVERY_SECONDS
        return sweep()


def sweep(grace: timedelta = GRACE) -> int:
    """Returns how many files were deleted. A store that is away is told in the log, and tried again next time."""
    deleted = 0
    for name, folder, column, pattern in KINDS:
        try:
            old = _old(name, folder, pattern, grace)
            while found := list(islice(old, BATCH)):
                deleted += _delete(name, _orphans(found, column))
        except Exception as error:
            log.warning("store_away", store=name, reason=f"{type(error).__name__}: {error}")
    return deleted


def _old(name: str, folder: str, pattern: re.Pattern[str], grace: timedelta) -> Iterator[Found]:
    """Name, evaluation and fence of each file that is older than the grace period."""
    before = timezone.now() - grace
    for file in stores.walk(storages[name], folder):
        known = pattern.fullmatch(file.name)
        if known and file.modified < before:
            yield file.name, int(known[1]), int(known[2])


def _orphans(found: list[Found], column: str) -> list[str]:
    """Rows are read after the files were listed."""
    rows: dict[int, dict[str, Any]] = {
        row["pk"]: row
        for row in Evaluation.objects.filter(pk__in={pk for _, pk, _ in found}).values("pk", "state", "fence", column)
    }
    return [name for name, pk, fence in found if _is_orphan(rows.get(pk), column, name, fence)]


def _is_orphan(row: dict[str, Any] | None, column: str, name: str, fence: int) -> bool:
    if row is None:
        return True
    may_still_record = row["state"] == State.RUNNING and row["fence"] == fence
    return row[column] != name and not may_still_record


def _delete(name: str, orphans: list[str]) -> int:
    store = storages[name]
    for orphan in orphans:
        store.delete(orphan)
        log.info("orphan_deleted", store=name, file=orphan)
    return len(orphans)


hourly = Round()
