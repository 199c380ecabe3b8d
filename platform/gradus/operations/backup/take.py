"""Takes a backup while the site runs.

The database is copied first and the files after it. The site writes a file before it writes the row that names the
file, so each file that a copied row names exists when the files are copied. If a file was deleted in between, its row
was deleted before it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection
from django.utils import timezone

from challenges import distribution
from gradus import private_files
from gradus.courses import archives, bundles
from gradus.courses.models import ChallengeVersion, CourseVersion
from gradus.operations.backup import databases, manifest
from gradus.operations.backup.manifest import BackupError, Manifest, Part
from gradus.submissions.models import Evaluation

Named = dict[str, list[str]]


def take(target: Path, *, secret_key: bool = False, incomplete: bool = False) -> Manifest:
    """Writes a backup to the new folder `target`, which appears complete or not at all.

    Raises:
        BackupError: `target` exists, the database cannot be copied, or stored files are missing (without
            `incomplete`).
    """
    if target.exists():
        raise BackupError(f"{target} already exists. Give the name of a new folder, or remove this one.")
    work = target.with_name(f".{target.name}.{os.getpid()}.part")
    work.mkdir(parents=True, mode=0o700)
    try:
        made = _fill(work, secret_key, incomplete)
        (work / manifest.NAME).write_text(made.model_dump_json(indent=1))
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return made


def _fill(work: Path, secret_key: bool, incomplete: bool) -> Manifest:
    with databases.snapshot(work) as taken:
        migrations = databases.names(taken.query, "SELECT app || '.' || name FROM django_migrations ORDER BY id")
        named = _named(taken.query)
    files = {name: dict(_copied(work, name)) for name in private_files.KEPT}
    missing = _missing(named, files)
    if missing and not incomplete:
        raise BackupError(
            f"{len(missing)} files that the database names are missing from the stores, such as {missing[0]}. Put them "
            "back (`manage.py import_course` writes bundles again), or take the backup without them: --incomplete"
        )
    return Manifest(
        version=distribution.release(),
        made_at=timezone.now().isoformat(),
        vendor="sqlite" if taken.vendor == "sqlite" else "postgresql",
        server=taken.server,
        migrations=list(migrations),
        database=manifest.part_of(work, taken.path),
        secret_key=_secret_key(work) if secret_key else None,
        files=files,
        missing=missing,
    )


def _named(query: databases.Query) -> Named:
    """Returns, by store, the files that rows name. The SQL contains only names of our models, no input of a user."""
    rows, versions = Evaluation._meta.db_table, ChallengeVersion._meta.db_table
    columns = {"private": "raw", "artifacts": "artifact"}
    found: Named = {
        store: list(databases.names(query, f"SELECT {column} FROM {rows} WHERE {column} <> ''"))  # noqa: S608
        for store, column in columns.items()
    }
    digests = databases.names(query, f"SELECT DISTINCT digest FROM {versions}")  # noqa: S608
    found["private"] += [bundles.path_of(digest) for digest in digests]
    contents = CourseVersion._meta.db_table
    kept = databases.names(query, f"SELECT DISTINCT archive FROM {contents} WHERE archive <> ''")  # noqa: S608
    found["private"] += [archives.path_of(sha256) for sha256 in kept]
    return found


def _copied(work: Path, store: str) -> Iterator[tuple[str, Part]]:
    for file in private_files.walk(storages[store]):
        path = work / "files" / store / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with storages[store].open(file.name) as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy)
        except FileNotFoundError:
            path.unlink(missing_ok=True)
            continue
        yield file.name, manifest.part_of(work, path)


def _missing(named: Named, files: dict[str, dict[str, Part]]) -> list[str]:
    """Returns the files that are missing although a row still names them. Accounts may have been deleted meanwhile."""
    lost = [(store, name) for store, kept in named.items() for name in kept if name not in files[store]]
    if not lost:
        return []
    connection.ensure_connection()
    now = _named(_ask)
    return [f"{store}/{name}" for store, name in lost if name in set(now[store])]


def _ask(sql: str) -> databases.Rows:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _secret_key(work: Path) -> Part:
    source = settings.DATA_DIR / "secret-key"
    if not source.exists():
        raise BackupError(
            "The data folder has no secret-key, because GRADUS_SECRET_KEY is set. Keep a copy of its value yourself."
        )
    path = work / "secret-key"
    path.touch(mode=0o600)
    path.write_bytes(source.read_bytes())
    return manifest.part_of(work, path)
