"""A backup that was taken before somebody was deleted brings nobody back."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

from tests.migrated import copy_sqlite

MADE = """
from gradus.accounts.models import User
for name in ("ada", "bob"):
    User.objects.create_user(name, f"{name}@example.org", pseudonym=f"{name}-here")
"""


def shown(site: Path) -> list[tuple[str, bool, bool]]:
    with closing(sqlite3.connect(site)) as link:
        rows = link.execute("select email, is_active, deleted_at is not null from accounts_user").fetchall()
    return sorted((email, bool(active), bool(deleted)) for email, active, deleted in rows)


@pytest.fixture
def manage(tmp_path: Path):
    """`manage(*words)` runs a command of a site of its own, and returns what it has printed."""
    folder = tmp_path / "site"
    folder.mkdir()
    copy_sqlite(folder / "site.sqlite3")
    env = {**os.environ, "DATABASE_URL": f"sqlite:///{folder / 'site.sqlite3'}", "GRADUS_DATA_DIR": str(folder)}

    def run(*words: str) -> str:
        argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


def test_a_restored_backup_brings_nobody_back(manage, tmp_path: Path) -> None:
    manage("shell", "--no-imports", "-c", MADE)
    backup = str(tmp_path / "backup")
    manage("backup", backup)
    manage("delete_account", "ada@example.org", "--reason", "Asked for by mail.", "--now")
    site = tmp_path / "site" / "site.sqlite3"
    gone = [("", False, True), ("bob@example.org", True, False)]
    assert shown(site) == gone
    manage("restore", backup, "--force")
    assert shown(site) == gone
