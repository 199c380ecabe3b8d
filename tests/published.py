"""Publishes a course of the tests once in a process, and puts its rows and files back from then on.

Thousands of tests begin with the same published course, and publishing it takes most of the computing of their set-up.
Tests of publishing itself call `gradus.courses.services.publish`, which knows nothing of this.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

from django.core.files.storage import FileSystemStorage, storages
from django.db import connection, models, transaction
from django.utils import timezone

from challenges.course_bundle import CourseBundle
from gradus.accounts.models import StaffAction
from gradus.courses import catalogue
from gradus.courses.models import Calibration, Challenge, ChallengeVersion, Course, CourseVersion, Lesson
from gradus.courses.services import publish

# In an order in which the triggers take them.
MODELS: tuple[type[models.Model], ...] = (
    *(Course, Lesson, Challenge, ChallengeVersion, CourseVersion, Calibration),
    StaffAction,
)


@dataclass
class Snapshot:
    """The rows, with their keys, and the private files that publishing has written into an empty database."""

    rows: dict[type[models.Model], list[models.Model]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


_kept: dict[tuple[str, str], Snapshot] = {}


def published(bundle: CourseBundle, name: str) -> Course:
    """Does what `publish` does, for a bundle that is the same each time under this name.

    A site that has a course already publishes in the ordinary way: the keys might be taken.
    """
    folder = private_folder()
    if folder is None or any(model._base_manager.exists() for model in MODELS if model is not StaffAction):
        return publish(bundle)
    key = (connection.vendor, name)
    if key not in _kept:
        noted, stored = set(StaffAction.objects.values_list("pk", flat=True)), set(files_in(folder))
        course = publish(bundle)
        _kept[key] = Snapshot(
            {model: [row for row in model._base_manager.order_by("pk") if is_new(row, noted)] for model in MODELS},
            {str(file.relative_to(folder)): file.read_bytes() for file in files_in(folder) if file not in stored},
        )
        return course
    put_back(_kept[key], folder)
    return Course.objects.get(slug=bundle.course.id)


def is_new(row: models.Model, noted: set[int]) -> bool:
    return not isinstance(row, StaffAction) or row.pk not in noted


def private_folder() -> Path | None:
    store = storages["private"]
    return Path(store.location) if isinstance(store, FileSystemStorage) else None


def files_in(folder: Path) -> Iterable[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def put_back(snapshot: Snapshot, folder: Path) -> None:
    for name, content in snapshot.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    with transaction.atomic():
        for model, rows in snapshot.rows.items():
            model._base_manager.bulk_create([now(row) for row in rows])
    catalogue.forget()


def now(row: models.Model) -> models.Model:
    """The row as of this moment. What staff do is numbered anew: a test may have noted something before."""
    made = copy(row)
    for one in made._meta.concrete_fields:
        if isinstance(one, models.DateTimeField) and getattr(made, one.attname) is not None:
            setattr(made, one.attname, timezone.now())
    if isinstance(made, StaffAction):
        made.pk = None
    return made
