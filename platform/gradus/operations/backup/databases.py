"""A consistent copy of the database while the site writes, and its way back in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

from gradus.operations.backup import postgres
from gradus.operations.backup.manifest import BackupError

Rows = list[tuple[Any, ...]]
Query = Callable[[str], Rows]


@dataclass(frozen=True)
class Snapshot:
    """`query` sees exactly what the copy at `path` holds."""

    path: Path
    vendor: str
    server: int
    query: Query


@contextmanager
def snapshot(folder: Path) -> Iterator[Snapshot]:
    """Raises `BackupError`."""
    with _sqlite(folder) if connection.vendor == "sqlite" else _postgresql(folder) as taken:
        yield taken


@contextmanager
def _sqlite(folder: Path) -> Iterator[Snapshot]:
    """By the online backup API, in one step: writers go on in the write-ahead log."""
    path = folder / "database.sqlite3"
    connection.ensure_connection()
    source, copy = connection.connection, sqlite3.connect(path)
    try:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        yield Snapshot(path, "sqlite", 0, lambda sql: copy.execute(sql).fetchall())
    finally:
        copy.close()


@contextmanager
def _postgresql(folder: Path) -> Iterator[Snapshot]:
    """`pg_dump` reads the snapshot of a transaction of ours, so that both see the same rows."""
    path, link = folder / "database.dump", connection.copy()
    server = postgres.server_version(connection)
    try:
        with link.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            shared = cursor.fetchone()[0]
            postgres.dump(path, shared, server)

            def query(sql: str) -> Rows:
                cursor.execute(sql)
                return list(cursor.fetchall())

            yield Snapshot(path, "postgresql", server, query)
    finally:
        link.close()


def replace(path: Path, server: int) -> None:
    """Puts the copy at `path` in place of all that the site's database holds, or changes nothing.

    Raises:
        BackupError
    """
    if connection.vendor == "postgresql":
        postgres.load(path, server)
        return
    name = str(connection.settings_dict["NAME"])
    connection.close()
    source, target = sqlite3.connect(path), sqlite3.connect(name, timeout=30)
    try:
        # The target is written in one transaction, and other connections to it go on to work.
        source.backup(target)
    except sqlite3.Error as error:
        raise BackupError(f"The database could not be written: {error}. Stop the site, and try again.") from None
    finally:
        source.close()
        target.close()


def names(query: Query, sql: str) -> Sequence[str]:
    return [str(row[0]) for row in query(sql)]
