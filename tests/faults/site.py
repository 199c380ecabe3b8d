"""Starts a separate site for a test: a harness process with a new database."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests import migrated

END_SECONDS = 15
ROOT = Path(__file__).resolve().parents[2]
DROPPED = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GRADUS_JUDGE_MODEL", "GRADUS_PRODUCTION", "GRADUS_DEBUG")


class HarnessError(Exception):
    """A request raised an error in the harness; the message is its traceback."""


class Site:
    """Sends requests to the harness: each method of `Harness` can be called, as `site.submit(learners=2, each=3)`."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, env: dict[str, str]) -> None:
        self.process = process
        self.env = env
        self.folder = folder
        self.points = folder / "failpoints"
        self.log = folder / "log"

    def __getattr__(self, name: str) -> Any:
        return lambda **arguments: self.call(name, **arguments)

    def call(self, do: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()["result"]

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found: dict[str, Any] = json.loads(line) if line else {"error": "the harness is gone"}
        if "error" in found:
            raise HarnessError(f"{found['error']}\n{self.log.read_text()[-4000:]}")
        return found

    def arm(self, point: str, action: str, count: int = 1) -> None:
        """Arms a crash point `count` times; see `gradus.submissions.failpoints`."""
        for _ in range(count):
            (self.points / f"{point}-{action}-{secrets.token_hex(4)}").touch()

    def armed(self) -> list[str]:
        """The crash points that no process has reached yet."""
        return sorted(path.name for path in self.points.iterdir())

    def disarm(self) -> None:
        for path in self.points.iterdir():
            path.unlink(missing_ok=True)


@contextmanager
def open_site(postgres: str | None = None, *, lease: int = 3, heartbeat: int = 1, **extra: str) -> Iterator[Site]:
    """A running site on SQLite, or on a new database of the PostgreSQL server at the address `postgres`."""
    with (
        tempfile.TemporaryDirectory(prefix="gradus-faults-", ignore_cleanup_errors=True) as name,
        database(postgres) as url,
    ):
        folder = Path(name)
        (folder / "failpoints").mkdir()
        env = environment(folder, url, lease, heartbeat) | extra
        if url is None:
            migrated.copy_sqlite(Path(env["DATABASE_URL"].removeprefix("sqlite:///")))
        with (folder / "log").open("wb") as log, subprocess.Popen(
            [sys.executable, "-m", "tests.faults.harness"],
            cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        ) as process:  # fmt: skip
            site = Site(process, folder, env)
            try:
                site.answer()
                yield site
                site.stop()
            finally:
                end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the harness, which ends its children and the web server first."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def environment(folder: Path, url: str | None, lease: int, heartbeat: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "gradus.settings",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "platform", ROOT))),
        "PYTHONWARNINGS": "ignore",
        "GRADUS_DATA_DIR": str(folder),
        "DATABASE_URL": url or f"sqlite:///{folder}/gradus.sqlite3",
        "REDIS_URL": "",
        "GRADUS_LEASE_SECONDS": str(lease),
        "GRADUS_HEARTBEAT_SECONDS": str(heartbeat),
        "GRADUS_THREADS": "1",
        "GRADUS_FAILPOINTS": str(folder / "failpoints"),
    }


@contextmanager
def database(server: str | None) -> Iterator[str | None]:
    """Makes a new database on the server, in a run of the tests with all tables, and drops it at the end."""
    if server is None:
        yield None
        return
    name = f"gradus_faults_{secrets.token_hex(4)}"
    template = migrated.postgres_template(server) or "template1"
    with psycopg.connect(server, autocommit=True) as link:
        link.execute(f'create database "{name}" template "{template}"')
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server, autocommit=True) as link:
            link.execute(f'drop database if exists "{name}" with (force)')
