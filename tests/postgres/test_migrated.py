"""What a killed run of the tests has left goes with the next one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from tests import migrated

pytestmark = pytest.mark.postgres


def test_only_what_ended_processes_have_left_is_removed(postgres_url, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, living = (tmp_path / f"{migrated.PREFIX}{pid}-x" for pid in (ended.pid, os.getpid()))
    with psycopg.connect(postgres_url, autocommit=True) as link:
        for folder in (left, living):
            folder.mkdir()
            name = folder.name.replace("-", "_")
            link.execute(f'create database "{name}"')
            (folder / "server.postgres").write_text(f"{name} {postgres_url}")
        try:
            migrated.sweep()
            assert list(tmp_path.iterdir()) == [living]
            assert found(link, left, living) == [living]
        finally:
            for folder in (left, living):
                link.execute(f'drop database if exists "{folder.name.replace("-", "_")}"')


def found(link: psycopg.Connection, *folders: Path) -> list[Path]:
    """Those whose database is there."""
    names = {name for (name,) in link.execute("select datname from pg_database")}
    return [folder for folder in folders if folder.name.replace("-", "_") in names]


def test_what_is_kept_is_made_again_when_a_migration_or_what_it_imports_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(migrated, "ROOT", tmp_path)
    site = tmp_path / "platform" / "gradus"
    files = [site / "append_only.py", site / "submissions" / "states.py", site / "a" / "triggers.py"]
    files += [site / "a" / "migrations" / "0001.py", site / "a" / "models" / "b.py", site / "a" / "models.py"]
    files += [tmp_path / "challenges" / "texts.py", tmp_path / "constraints.txt"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    digests = [migrated._migrations()]
    for file in files:
        file.write_text("changed")
        digests.append(migrated._migrations())
    (site / "a" / "migrations" / "0002.py").write_text("")
    assert len({*digests, migrated._migrations()}) == len(files) + 2


def test_one_database_is_kept_and_only_whole(tmp_path):
    made = tmp_path / "made"
    made.write_bytes(b"1")
    folder = tmp_path / "kept"
    for name in ("old.sqlite3", "new.sqlite3"):
        migrated._keep(made, folder / name)
    assert [file.name for file in folder.iterdir()] == ["new.sqlite3"]
