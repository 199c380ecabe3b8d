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
