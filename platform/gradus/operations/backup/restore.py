"""Restores a backup. Everything is checked before anything changes, and files are written before the database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from gradus import private_files
from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.operations.backup import databases, manifest
from gradus.operations.backup.manifest import BackupError, Manifest
from gradus.own_data import erasing
from gradus.refusal import Refused
from gradus.submissions.models import ReconcilerStatus, WorkerStatus

# A worker that was seen within this time counts as running.
SEEN_WITHIN = timedelta(seconds=30)


def restore(source: Path, *, force: bool = False) -> Manifest:
    """Replaces the data of this site by the backup in the folder `source`.

    Raises:
        BackupError: the backup does not fit, is damaged, or could not be written; the site is not empty (without
            `force`), or still runs.
    """
    made = manifest.read(source)
    _check_that_it_fits(made)
    if not force:
        _check_that_site_is_empty()
    _check_that_nothing_runs()
    with tempfile.TemporaryDirectory(prefix="gradus-restore-") as folder:
        database = _prepared(source / made.database.path, Path(folder))
        changed = list(_put_new_files(source, made))
        databases.replace(database, made.server)
        for store, name, path in changed:
            _put(store, name, path)
    _give_secret_key(source, made, force)
    _settle()
    return made


def _check_that_it_fits(made: Manifest) -> None:
    if made.vendor != connection.vendor:
        raise BackupError(
            f"The backup is from {made.vendor}, but DATABASE_URL names {connection.vendor}. Restore it on a site with "
            f"{made.vendor}."
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    unknown = [name for name in made.migrations if name not in known]
    if unknown:
        raise BackupError(
            f"The backup was taken by Gradus {made.version} and has the migration {unknown[0]}, which this version "
            "does not have. Install that version or a newer one, and restore again."
        )


def _check_that_site_is_empty() -> None:
    """Raises `BackupError` if the site has accounts, courses or stored files. Empty tables may exist."""
    tables = connection.introspection.table_names()
    full = [m._meta.verbose_name_plural for m in (User, Course) if m._meta.db_table in tables and m.objects.exists()]
    full += [f"files in “{name}”" for name in private_files.KEPT if next(private_files.walk(storages[name]), None)]
    if full:
        raise BackupError(f"This site is not empty: it has {', '.join(map(str, full))}. Replace them with --force.")


def _check_that_nothing_runs() -> None:
    """Raises `BackupError` if a worker was seen recently: it could write results of old jobs into the new database."""
    try:
        since = timezone.now() - SEEN_WITHIN
        awake = [
            *WorkerStatus.objects.filter(last_seen__gt=since).values_list("name", flat=True),
            *ReconcilerStatus.objects.filter(last_run__gt=since).values_list("name", flat=True),
        ]
    except DatabaseError:
        connection.close()
        return
    if awake:
        raise BackupError(
            f"{awake[0]} was running in the last {SEEN_WITHIN.seconds} seconds. Stop the web server, the workers and "
            f"the reconciler, wait {SEEN_WITHIN.seconds} seconds, and try again."
        )


def _prepared(database: Path, folder: Path) -> Path:
    """Returns the database to load. A copy of SQLite is migrated first; a dump of PostgreSQL is migrated afterwards."""
    if connection.vendor != "sqlite":
        return database
    copy = folder / "gradus.sqlite3"
    shutil.copyfile(database, copy)
    env = os.environ | {"DATABASE_URL": f"sqlite:///{copy}", "DJANGO_SETTINGS_MODULE": "gradus.settings"}
    argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--no-input", "-v", "0"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-3:]
        raise BackupError(f"The backup could not be migrated. Nothing was changed: {' '.join(last)}")
    return copy


def _put_new_files(source: Path, made: Manifest) -> Iterator[tuple[str, str, Path]]:
    """Writes the files that the site lacks. Yields those it has with other content: they wait for the database."""
    for store, kept in made.files.items():
        here = {file.name for file in private_files.walk(storages[store])}
        for name, part in kept.items():
            path = source / part.path
            if name not in here:
                _put(store, name, path)
            elif not _same(store, name, path):
                yield store, name, path


def _same(store: str, name: str, path: Path) -> bool:
    with storages[store].open(name) as file:
        return bool(file.read() == path.read_bytes())


def _put(store: str, name: str, path: Path) -> None:
    storages[store].delete(name)
    with path.open("rb") as file:
        kept = storages[store].save(name, File(file))
    if kept != name:
        raise BackupError(
            f"The store “{store}” saved {name} as {kept}, so another program writes to it. Stop the site and try again."
        )


def _give_secret_key(source: Path, made: Manifest, force: bool) -> None:
    target = settings.DATA_DIR / "secret-key"
    if made.secret_key and (force or not target.exists()):
        target.touch(mode=0o600)
        target.write_bytes((source / made.secret_key.path).read_bytes())


def _settle() -> None:
    """Applies pending migrations, deletes again who had been deleted, and checks that standings agree with scores."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
        erasing.delete_again()
        call_command("rebuild", check=True, verbosity=0)
    except (CommandError, DatabaseError, Refused) as error:
        raise BackupError(f"The backup is restored, but: {error}") from None
