"""Databases with all tables, made once for a run of the tests: each database of a test begins as a copy of one.

On an empty database `migrate` takes half a minute of computing, on a copy nothing. That of SQLite is kept for the next
run, until a migration or what it imports changes; that of PostgreSQL is made for each run. Processes that
pytest-xdist or a test starts find what is made by a variable of the environment; without it, as outside of the tests,
a database begins empty. `python -m tests.migrated` (`make schema`) writes the schema that a first start loads.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import django
import psycopg
from psycopg import sql

from gradus.operations import schema

FOLDER = "GRADUS_TEST_MIGRATED"
PREFIX = "gradus-migrated-"
ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".pytest_cache" / "migrated"
OURS = ("GRADUS_", "OPENAI_", "EMAIL_")


def begin(at_the_end: Callable[[Callable[[], None]], object]) -> None:
    """Makes the run's folder; the process that made it removes it `at_the_end`, or the next run if it was killed."""
    if FOLDER not in os.environ:
        sweep()
        os.environ[FOLDER] = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
        at_the_end(lambda: _forget(Path(os.environ.pop(FOLDER))))


def sweep() -> None:
    """Removes what runs have left whose process is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            _forget(folder)


def _forget(folder: Path) -> None:
    for made in folder.glob("*.postgres"):
        # A server of a test's own is gone by now. Another run may sweep at the same time.
        with suppress(psycopg.OperationalError, FileNotFoundError):
            name, server = made.read_text().split()
            with psycopg.connect(server, autocommit=True) as link:
                link.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))
    shutil.rmtree(folder, ignore_errors=True)


def copy_sqlite(path: Path) -> None:
    """Puts a SQLite database with all tables at this path, where none is yet."""
    if FOLDER not in os.environ:
        return
    with _alone() as folder:
        made = folder / "made.sqlite3"
        if not made.exists():
            half = folder / "half.sqlite3"
            kept = KEPT / f"{_migrations()}.sqlite3"
            if kept.is_file():
                shutil.copyfile(kept, half)
            else:
                _migrate(f"sqlite:///{half}")
                _keep(half, kept)
            half.rename(made)
    shutil.copyfile(made, path)


def _migrations() -> str:
    """A digest of all that decides what `migrate` makes: migrations, what they import, models, and the packages."""
    site = ROOT / "platform" / "gradus"
    files = [*site.rglob("migrations/*.py"), *site.rglob("models/*.py"), *site.rglob("models.py")]
    files += [*site.rglob("triggers.py"), site / "append_only.py", site / "submissions" / "states.py"]
    files += [ROOT / "challenges" / "texts.py", ROOT / "constraints.txt"]
    digest = hashlib.sha256(f"{django.VERSION} {sys.version_info}".encode())
    for file in sorted(set(files)):
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:32]


def _keep(made: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    for old in kept.parent.glob("*.sqlite3"):
        old.unlink(missing_ok=True)
    # Whoever looks for it at this moment finds all of it or nothing.
    half = kept.with_suffix(f".{os.getpid()}")
    shutil.copyfile(made, half)
    half.rename(kept)


def postgres_template(server: str) -> str:
    """The name of a database with all tables on the server, from which others are made; empty outside of a run."""
    if FOLDER not in os.environ:
        return ""
    address = urlsplit(server)
    with _alone() as folder:
        made = folder / f"{address.hostname}-{address.port}.postgres"
        if not made.exists():
            name = f"{folder.name}_{address.port}".replace("-", "_")
            # Noted first, so that a run that is killed here leaves nothing that nobody knows.
            half = made.with_suffix(".half.postgres")
            half.write_text(f"{name} {server}")
            with psycopg.connect(server, autocommit=True) as link:
                link.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            _migrate(address._replace(path=f"/{name}").geturl())
            half.rename(made)
        return made.read_text().split()[0]


@contextmanager
def _alone() -> Iterator[Path]:
    folder = Path(os.environ[FOLDER])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _migrate(address: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    env = {
        "DJANGO_SETTINGS_MODULE": "gradus.settings",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "platform", ROOT))),
        "GRADUS_DATA_DIR": os.environ[FOLDER],
        "DATABASE_URL": address,
        "REDIS_URL": "",
    }
    argv = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    done = subprocess.run(argv, cwd=ROOT, env=kept | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def main() -> None:
    begin(atexit.register)
    database = Path(os.environ[FOLDER]) / "schema.sqlite3"
    copy_sqlite(database)
    schema.FILE.write_text(schema.dump(database), encoding="utf-8")


if __name__ == "__main__":
    main()
