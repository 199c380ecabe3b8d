"""A first start loads the schema as a whole. The oracle is a database on which every migration has run."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gradus.operations import schema
from tests import migrated

ROOT = Path(__file__).parents[2]
START = "import django; django.setup(); from gradus.operations import first_start; first_start.migrate()"
ROWS = (
    "select app_label, model from django_content_type order by 1, 2",
    "select codename, app_label, model from auth_permission join django_content_type type on type.id = content_type_id"
    " order by 1, 2, 3",
)


@pytest.fixture
def migrated_database(tmp_path: Path) -> Path:
    migrated.copy_sqlite(tmp_path / "migrated.sqlite3")
    return tmp_path / "migrated.sqlite3"


def started(database: Path) -> Path:
    """The database after the first step of `make up`."""
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "gradus.settings",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "platform", ROOT))),
        "DATABASE_URL": f"sqlite:///{database}",
        "GRADUS_DATA_DIR": str(database.parent),
    }
    subprocess.run([sys.executable, "-c", START], cwd=ROOT, env=env, check=True)
    return database


def rows(database: Path) -> list[list[tuple[str, ...]]]:
    with closing(sqlite3.connect(database)) as link:
        return [link.execute(query).fetchall() for query in ROWS]


def test_the_schema_in_the_checkout_is_what_all_migrations_make(migrated_database: Path) -> None:
    assert schema.FILE.read_text(encoding="utf-8") == schema.dump(migrated_database), "Run `make schema`."


def test_a_first_start_has_what_migrations_make_and_leaves_them_nothing_to_do(
    tmp_path: Path, migrated_database: Path
) -> None:
    database = started(tmp_path / "started.sqlite3")
    assert schema.dump(database) == schema.dump(migrated_database)
    assert rows(database) == rows(migrated_database)


def test_a_database_that_has_tables_is_migrated_as_it_is(tmp_path: Path, migrated_database: Path) -> None:
    with closing(sqlite3.connect(migrated_database)) as link, link:
        link.execute("delete from django_content_type")
        link.execute("insert into django_migrations (app, name, applied) values ('gone', '0001', current_timestamp)")
    before = schema.dump(migrated_database)
    assert schema.dump(started(migrated_database)) == before
