"""Runs Django's `check --deploy` under production settings. `make check` calls it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"


def environment(data_dir: str) -> dict[str, str]:
    """Returns an environment with production settings and example names, which override `.env` and the caller's."""
    return os.environ | {
        "DATABASE_URL": f"sqlite:///{data_dir}/gradus.sqlite3",
        "GRADUS_PRODUCTION": "1",
        "GRADUS_DEBUG": "0",
        "GRADUS_SECRET_KEY": secrets.token_urlsafe(64),
        "GRADUS_HOSTS": "gradus.example.org",
        "GRADUS_ORIGINS": "https://gradus.example.org",
        "GRADUS_DATA_DIR": data_dir,
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "GRADUS_S3_BUCKET": "",
    }


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="gradus-check-") as data_dir:
        argv = [sys.executable, str(MANAGE), "check", "--deploy", "--fail-level", "WARNING"]

        return subprocess.run(argv, env=environment(data_dir), check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
