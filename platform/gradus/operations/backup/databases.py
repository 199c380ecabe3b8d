"""Copies the database consistently while the site writes, and puts such a copy back in one transaction."""

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
    """A copy of the database at `path`. `query` returns exactly what the copy contains.

    `server` is the major version of a PostgreSQL server, and 0 for SQLite.
    """

    path: Path
    vendor: str
    server: int
    query: Query


@contextmanager
def snapshot(folder: Path) -> Iterator[Snapshot]:
    """Copies the site's database into `folder`. Raises `BackupError` if that fails."""
    with _sqlite(folder) if connection.vendor == "sqlite" else _postgresql(folder) as taken:
        yield taken


@contextmanager
def _sqlite(folder: Path) -> Iterator[Snapshot]:
    """Copies SQLite by its online backup API, in one step. Writers go on, because they use the write-ahead log."""
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
    """Runs `pg_dump` on the exported snapshot of a transaction, so that `query` sees the rows that the dump holds."""
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
    """Replaces everything in the site's database by the copy at `path`, or changes nothing.

    Raises:
        BackupError: the copy could not be loaded.
    """
    if connection.vendor == "postgresql":
        postgres.load(path, server)
        return
    name = str(connection.settings_dict["NAME"])
    connection.close()
    source, target = sqlite3.connect(path), sqlite3.connect(name, timeout=30)
    try:
        # SQLite writes the target in one transaction, and other connections to it stay valid.
        source.backup(target)
    except sqlite3.Error as error:
        raise BackupError(f"The database could not be written: {error}. Stop the site, and try again.") from None
    finally:
        source.close()
        target.close()


def names(query: Query, sql: str) -> Sequence[str]:
    """Returns the first column of a query as texts."""
    return [str(row[0]) for row in query(sql)]
