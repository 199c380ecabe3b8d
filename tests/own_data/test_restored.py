"""A backup that was taken before somebody was deleted brings nobody back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.migrated import copy_sqlite

MADE = """
from gradus.accounts.models import User
for name in ("ada", "bob"):
    User.objects.create_user(name, f"{name}@example.org", pseudonym=f"{name}-here")
"""
SHOWN = """
from gradus.accounts.models import User
print(sorted((one.email, one.is_active, one.deleted_at is not None) for one in User.objects.all()))
"""


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
    gone = "[('', False, True), ('bob@example.org', True, False)]"
    assert gone in manage("shell", "--no-imports", "-c", SHOWN)
    manage("restore", backup, "--force")
    assert gone in manage("shell", "--no-imports", "-c", SHOWN)
