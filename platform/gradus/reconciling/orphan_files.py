"""Deletes stored files that no row names any more, and embeddings that nobody has used for long.

Such files stay behind when a worker loses its lease, when an evaluation is claimed again, or when a learner's account
is deleted. A worker writes a file under (evaluation, fence) before the row names the file. Only the holder of that
fence can still make the row name it, and only while the evaluation runs. So a file is an orphan if the row does not
name it and the evaluation has ended, is queued, has a later fence, or no longer exists. What was trained is only kept
for a later attempt at grading: it is an orphan as soon as the evaluation has ended. A part of a course's archive is an
orphan if its upload no longer exists. Archives, bundles and files of lessons are named by their content and written
before their rows, so they are orphans if no row names them and they are old; a push makes those that it needs young.
Nothing is locked, and several processes may sweep at once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from django.core.files.storage import storages
from django.db.models import Min
from django.utils import timezone

from gradus import private_files, retention
from gradus.courses import archives, bundles
from gradus.courses.models import ChallengeVersion, CourseVersion, Lesson, Upload
from gradus.courses.uploads import FOLDER as UPLOADS
from gradus.submissions.models import Evaluation
from gradus.submissions.states import OPEN, State

log = structlog.get_logger(__name__)
EVERY_SECONDS = 3600.0
BATCH = 500
# Store, folder, the column that names the file, and the form of a file's name. Django adds a suffix to a name that is
# already taken.
KINDS = (
    ("private", "raw/", "raw", re.compile(r"raw/(\d{1,18})/(\d{1,9})(?:_\w+)?\.json")),
    ("private", "trained/", "trained__file", re.compile(r"trained/(\d{1,18})/(\d{1,9})(?:_\w+)?\.zip")),
    ("artifacts", "", "artifact", re.compile(r"(\d{1,18})/(\d{1,9})/adapter(?:_\w+)?\.zip")),
)
PART = re.compile(UPLOADS + r"([0-9a-f-]{36})/\d+-\w+")
# What a process that died has left, see `stores.put`.
UNFINISHED = re.compile(r"(?:courses|bundles|lessons/[0-9a-f]{64}(?:/.+)?)/\.[0-9a-f]{16}\.part")
FencedFile = tuple[str, int, int]


class Round:
    """Sweeps after a start and then once an hour, because listing a large bucket is too slow for every round."""

    def __init__(self) -> None:
        self.due = 0.0

    def __call__(self) -> int:
        if time.monotonic() < self.due:
            return 0
        self.due = time.monotonic() + EVERY_SECONDS
        return sweep() + delete_old_vectors()


def sweep(grace: timedelta = retention.FILES.time) -> int:
    """Deletes orphans and returns their number. A store that cannot be reached is logged and tried again next time."""
    deleted = 0
    for name, folder, column, pattern in KINDS:
        try:
            old = _old(name, folder, pattern, grace)
            while files := list(islice(old, BATCH)):
                deleted += _delete(name, _orphans(files, column))
        except Exception as error:
            log.warning("store_away", store=name, reason=f"{type(error).__name__}: {error}")
    for find in (_parts_without_upload, _content_without_row):
        try:
            deleted += _delete("private", find(grace))
        except Exception as error:
            log.warning("store_away", store="private", reason=f"{type(error).__name__}: {error}")
    return deleted


def _parts_without_upload(grace: timedelta) -> list[str]:
    before, found = timezone.now() - grace, {}
    for file in private_files.walk(storages["private"], UPLOADS):
        known = PART.fullmatch(file.name)
        if known and file.modified < before:
            found[file.name] = known[1]
    open_ = {str(one) for one in Upload.objects.filter(uuid__in=set(found.values())).values_list("uuid", flat=True)}
    return [name for name, upload in found.items() if upload not in open_]


def _content_without_row(grace: timedelta) -> list[str]:
    """The archives, bundles and files of lessons that no row names."""
    before, found = timezone.now() - grace, []
    # No row names the lessons of a draft. Its push has made their files young.
    drafts = CourseVersion.objects.drafts().aggregate(first=Min("pushed_at"))["first"]
    lessons_before = min(before, drafts - grace) if drafts else before
    for folder, end in (("courses/", before), ("bundles/", before), ("lessons/", lessons_before)):
        old = [file for file in private_files.walk(storages["private"], folder) if file.modified < end]
        # Read after the files were listed, so that no new file is taken for an orphan.
        named = _named(folder)
        found += [file.name for file in old if UNFINISHED.fullmatch(file.name) or _content(file.name) not in named]
    # A push may have begun since they were listed, and relies on what it has made young.
    return [name for name in found if _is_old(name, before)]


def _named(folder: str) -> set[str]:
    """The files, or the folders of lessons, that rows name."""
    if folder == "courses/":
        rows = CourseVersion.objects.exclude(archive="").values_list("archive", flat=True)
        return {archives.path_of(sha256) for sha256 in rows}
    if folder == "bundles/":
        return {bundles.path_of(digest) for digest in ChallengeVersion.objects.values_list("digest", flat=True)}
    return {f"lessons/{digest}" for digest in Lesson.objects.values_list("digest", flat=True)}


def _content(name: str) -> str:
    """What a row names: of a lesson's file, the lesson's folder."""
    return "/".join(name.split("/")[:2])


def _is_old(name: str, before: datetime) -> bool:
    try:
        return storages["private"].get_modified_time(name) < before
    except FileNotFoundError:
        return False


def delete_old_vectors() -> int:
    """Deletes embeddings of gold answers that no worker has used for long, and returns the number of files.

    Those of passages lie on each worker's own disk: the worker deletes old ones when it stores new ones.
    """
    try:
        return private_files.delete_unused(
            storages["private"], private_files.GOLD_VECTORS, retention.VECTORS.time, private_files.GOLD_BYTES_MAX
        )
    except Exception as error:
        log.warning("store_away", store="private", reason=f"{type(error).__name__}: {error}")
        return 0


def _old(name: str, folder: str, pattern: re.Pattern[str], grace: timedelta) -> Iterator[FencedFile]:
    """Yields the name, evaluation id and fence of each file that is older than the grace period."""
    before = timezone.now() - grace
    for file in private_files.walk(storages[name], folder):
        known = pattern.fullmatch(file.name)
        if known and file.modified < before:
            yield file.name, int(known[1]), int(known[2])


def _orphans(files: list[FencedFile], column: str) -> list[str]:
    """The names of the orphans among `files`. Rows are read after the files were listed, so that no new file is taken
    for an orphan.
    """
    rows: dict[int, dict[str, Any]] = {
        row["pk"]: row
        for row in Evaluation.objects.filter(pk__in={pk for _, pk, _ in files}).values("pk", "state", "fence", column)
    }
    return [name for name, pk, fence in files if _is_orphan(rows.get(pk), column, name, fence)]


def _is_orphan(row: dict[str, Any] | None, column: str, name: str, fence: int) -> bool:
    if row is None:
        return True
    may_still_record = row["state"] == State.RUNNING and row["fence"] == fence
    is_named = row[column] == name and (column != "trained__file" or row["state"] in OPEN)
    return not (is_named or may_still_record)


def _delete(name: str, orphans: list[str]) -> int:
    store = storages[name]
    for orphan in orphans:
        store.delete(orphan)
        log.info("orphan_deleted", store=name, file=orphan)
    return len(orphans)


hourly = Round()
