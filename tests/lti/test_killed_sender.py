"""kill -9 of the sender at each step of a send: each grade arrives once in its final value.

The steps are those in its code and two at the platform: it has heard the request, and it has kept the grade.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gradus.submissions import failpoints
from tests import migrated
from tests.faults.site import ROOT, database, environment
from tests.lti.killed_sender import AT_THE_PLATFORM

SECONDS = 3600


def killed(server: str | None, kills: int) -> None:
    with tempfile.TemporaryDirectory(prefix="gradus-senders-") as name, database(server) as url:
        folder = Path(name)
        (folder / "failpoints").mkdir()
        env = environment(folder, url, 3, 1) | {"GRADUS_LTI_PRIVATE_HOSTS": "127.0.0.1"}
        if url is None:
            migrated.copy_sqlite(folder / "gradus.sqlite3")
        command = [sys.executable, "-m", "tests.lti.killed_sender", str(kills)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["kills"] == dict.fromkeys((*failpoints.OF_SENDING, *AT_THE_PLATFORM), kills)
    # A grade that had arrived was sent again as it was, refused, and found in the results.
    assert found["refused"] >= kills
    print(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_hundred_kills_at_each_step_lose_and_double_nothing_on_sqlite() -> None:
    killed(None, 100)


@pytest.mark.postgres
@pytest.mark.parametrize("kills", [1, pytest.param(100, marks=pytest.mark.slow)])
def test_kills_at_each_step_lose_and_double_nothing(postgres_url: str, kills: int) -> None:
    killed(postgres_url, kills)
