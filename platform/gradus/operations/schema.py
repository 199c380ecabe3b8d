"""Makes all tables of an empty SQLite database at once, from `schema.sql`. This saves most of the first `migrate`.

On an empty database, Django spends most of `migrate` on building the models anew before each change of a table.
`make schema` writes the file after a new migration, and a test compares it with what all migrations make. If the newest
ones are missing in it, `migrate` runs them afterwards. To do without the file, run `manage.py migrate` first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from django.db import connection, transaction

FILE = Path(__file__).with_name("schema.sql")
OBJECTS = "select sql from sqlite_master where sql is not null and name not like 'sqlite!_%' escape '!' order by rowid"
APPLIED = "insert into django_migrations (app, name, applied) values ('{}', '{}', current_timestamp);"


def load() -> bool:
    """Makes all tables, indexes and triggers in one transaction, and returns True, if SQLite has no table yet."""
    if connection.vendor != "sqlite":
        return False
    with transaction.atomic():
        if connection.introspection.table_names():
            return False
        with connection.cursor() as cursor:
            for statement in statements(FILE.read_text(encoding="utf-8")):
                cursor.execute(statement)
    return True


def statements(text: str) -> Iterator[str]:
    """Splits a script; a trigger holds statements of its own."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def dump(database: Path) -> str:
    """Returns the script for what a migrated SQLite database holds: its objects, and which migrations have run."""
    with closing(sqlite3.connect(database)) as link:
        objects = [f"{text};" for (text,) in link.execute(OBJECTS)]
        applied = link.execute("select app, name from django_migrations order by id").fetchall()
    return "\n".join([*objects, *(APPLIED.format(*migration) for migration in applied), ""])
