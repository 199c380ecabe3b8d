"""Rights of workers as far as they need no PostgreSQL: the table names what there is, and the settings do without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings as site
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.utils.crypto import salted_hmac
from pytest_django.fixtures import Settings

from challenges.kinds.base import Lane
from gradus.environment import Environment
from gradus.operations import checks
from gradus.operations.worker_role.rights import RIGHTS, Right
from gradus.preferences.services import lot, lot_key
from workers import status

TABLES = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
# The columns of these tables that no worker reads. A new column belongs here, or workers need it and it is in RIGHTS.
NOT_READ = {
    "accounts_user": {field.column for field in TABLES["accounts_user"]._meta.concrete_fields} - {"id", "is_guest"},
    "classes_class": {"join_code", "join_code_until"},
    "submissions_event": {"type", "data"},
    "submissions_handedin": {"outcome", "error_code"},
}
# Not even a row of a worker's own job is read of these.
CLOSED = ("session", "token", "email", "mfa", "enrolment", "score", "standing", "review_", "staff", "merge", "member")


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.table)
def test_it_names_columns_that_there_are_and_leaves_out_what_no_worker_needs(right: Right) -> None:
    columns = {field.column for field in TABLES[right.table]._meta.concrete_fields}
    reads, adds, changes = (set(one.split()) for one in (right.reads, right.adds, right.changes))
    assert columns - reads == NOT_READ.get(right.table, set())
    assert reads | adds | changes <= columns and "id" not in adds | changes
    assert right.lane in ("", *Lane)


def test_each_table_stands_once_none_is_closed_and_learners_rows_have_a_condition() -> None:
    tables = [right.table for right in RIGHTS]
    assert len(tables) == len(set(tables))
    assert [table for table in tables if any(word in table for word in CLOSED)] == []
    assert [right.table for right in RIGHTS if right.rows == "true"] == ["submissions_enginechoice"]


@pytest.mark.skipif(not site.SQLITE, reason="PostgreSQL has roles")
def test_sqlite_has_no_roles(db: None) -> None:
    with pytest.raises(CommandError, match=r"Only PostgreSQL has roles\. The database of this site is SQLite\."):
        call_command("worker_role", "gpu1", "--apply")


def test_the_key_gives_the_same_lots_as_the_secret_key_and_as_before(settings: Settings) -> None:
    found, key = lot(3, 7), lot_key()
    assert found == salted_hmac("gradus.preferences", "3 7").hexdigest() and settings.SECRET_KEY not in key
    settings.WORKER_KEY, settings.SECRET_KEY = key, "another"
    assert lot(3, 7) == found


def test_a_machine_with_the_key_starts_in_production_without_the_secret_key(tmp_path: Path) -> None:
    roots = os.pathsep.join(str(path) for path in (site.BASE_DIR / "platform", site.BASE_DIR))
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": roots,
        "DJANGO_SETTINGS_MODULE": "gradus.settings",
        "GRADUS_ENV_FILE": str(tmp_path / "none"),
        "GRADUS_DATA_DIR": str(tmp_path / "data"),
        "GRADUS_PRODUCTION": "1",
        "GRADUS_WORKER_KEY": "a1" * 20,
        "DATABASE_URL": "postgres://gpu1:secret@127.0.0.1:1/gradus",
    }
    script = "import django; django.setup(); from django.conf import settings as s; print(len(s.SECRET_KEY) > 50)"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stderr
    assert not (tmp_path / "data" / "secret-key").exists()


@pytest.mark.parametrize("value", ["x", "A1" * 20, "a1" * 21])
def test_a_key_of_another_form_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GRADUS_WORKER_KEY", value)
    with pytest.raises(ImproperlyConfigured, match=r"manage\.py worker_role") as refused:
        Environment().worker_key("GRADUS_WORKER_KEY")
    assert f"{value!r}" not in str(refused.value)


def test_a_worker_with_the_key_has_a_role_and_so_needs_postgresql(settings: Settings) -> None:
    settings.SQLITE = True
    assert checks.few_rights(None) == [] and "@" not in status.machine()
    settings.WORKER_KEY = "a1" * 20
    assert [message.id for message in checks.few_rights(None)] == ["gradus.E003"]
    assert "@" in status.machine()
