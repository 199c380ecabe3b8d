"""Runs PostgreSQL's own programs, in a version that fits the server, with the settings of `DATABASE_URL`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from django.db import connection

from gradus.operations.backup.manifest import BackupError

PLACES = Path("/usr/lib/postgresql")
# Drops all tables and functions in the public schema, whichever version of Gradus made them. Extensions stay.
EMPTY = """
DO $$ DECLARE found record; BEGIN
  FOR found IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('DROP TABLE IF EXISTS public.%I CASCADE', found.name);
  END LOOP;
  FOR found IN SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname = 'public'
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
    EXECUTE 'DROP FUNCTION IF EXISTS ' || found.name || ' CASCADE';
  END LOOP;
END $$;
"""


def server_version(link: Any) -> int:
    """Returns the major version of the server."""
    link.ensure_connection()
    return int(link.pg_version) // 10_000


def dump(path: Path, snapshot: str, server: int) -> None:
    """Writes an exported snapshot to the file `path` with `pg_dump`. Raises `BackupError`."""
    more = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={path}")
    run("pg_dump", server, *more)


def load(path: Path, made_by: int) -> None:
    """Replaces the content of the database by a dump, in one transaction.

    Raises:
        BackupError: the dump is from a newer server, or a program failed. Nothing has changed.
    """
    server = server_version(connection)
    if made_by > server:
        raise BackupError(
            f"The backup was taken from PostgreSQL {made_by}, but this server is version {server}. Use a newer server."
        )
    connection.close()
    with tempfile.TemporaryDirectory(prefix="gradus-restore-") as folder:
        script, empty = Path(folder) / "script.sql", Path(folder) / "empty.sql"
        empty.write_text(EMPTY)
        run("pg_restore", server, "--no-owner", "--no-privileges", f"--file={script}", str(path), connects=False)
        quiet = ("--quiet", "--no-psqlrc", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--single-transaction")
        run("psql", server, *quiet, f"--file={empty}", f"--file={script}")


def run(name: str, server: int, *arguments: str, connects: bool = True) -> None:
    """Runs a program of PostgreSQL. Raises `BackupError` if it fails."""
    program = find(name, server)
    env = os.environ | (_environment() if connects else {})
    done = subprocess.run([program, *arguments], env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise BackupError(f"{name} failed, and nothing was changed: {' '.join(lines[:3]) or done.returncode}")


def find(name: str, server: int) -> str:
    """Returns the path of a program: the one of the server's version, or else the next newer one.

    Raises:
        BackupError: no installed version fits. The message names the package to install.
    """
    paths = [str(path) for path in PLACES.glob(f"*/bin/{name}")]
    on_path = shutil.which(name)
    found = {version_of(path): path for path in [*paths, *([on_path] if on_path else [])]}
    fitting = [version for version in sorted(found) if version >= server]
    if fitting:
        return found[fitting[0]]
    have = f", but only {max(found)} is installed" if found else ""
    hint = f"On Debian: apt-get install postgresql-client-{server}"
    raise BackupError(f"{name} of PostgreSQL {server} or newer is needed{have}. {hint}")


def version_of(program: str) -> int:
    """Returns the major version of a program, or 0 if its answer cannot be read."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"\(PostgreSQL\) (\d+)", told)
    return int(number[1]) if number else 0


def _environment() -> dict[str, str]:
    """Returns the connection as variables for libpq. On a command line, other users could read the password."""
    given = connection.settings_dict
    options = {f"PG{name.upper()}": str(value) for name, value in given.get("OPTIONS", {}).items() if name in LIBPQ}
    named = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    return options | {name: str(given[key]) for name, key in named.items() if given.get(key)}


LIBPQ = ("sslmode", "sslrootcert", "sslcert", "sslkey", "service", "passfile")
