"""The suites that lean on the database's own guarantees, once more on PostgreSQL."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings

pytestmark = pytest.mark.postgres

SUITES = ("tests/submissions", "tests/workers/test_work.py")
SECONDS = 300


def test_submissions_and_the_worker_hold_on_postgresql(postgres_url, tmp_path):
    env = {
        **os.environ,
        "DATABASE_URL": postgres_url,
        "GRADUS_DATA_DIR": str(tmp_path),
        "GRADUS_REQUIRE": "",
        "PYTHONPATH": os.pathsep.join(str(path) for path in (settings.BASE_DIR / "platform", settings.BASE_DIR)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--create-db", "-p", "no:cacheprovider", *SUITES],
        cwd=settings.BASE_DIR,
        env=env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None and int(passed[1]) > 0
    assert "skipped" not in done.stdout
