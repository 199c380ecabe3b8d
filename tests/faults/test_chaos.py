"""A short run of `python -m benchmarks.chaos`: it writes its figures, and no submission is lost."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.chaos import quantile
from tests.faults.conftest import mostly_on_postgres
from tests.faults.site import ROOT

NAMES = ["accepted", "scored", "rejected", "failed", "review", "cancelled", "open", "lost", "doubled"]
NAMES += ["kills", "stops", "recovery_p50_s", "recovery_p99_s", "submit_p99_ms", "seconds"]


@mostly_on_postgres
@pytest.mark.parametrize(
    ("submissions", "kills", "stops"), [(30, 2, 1), pytest.param(200, 8, 2, marks=pytest.mark.slow)]
)
def test_all_submissions_survive_faults(server, submissions, kills, stops, tmp_path):
    database = ("--database", "postgres", "--server", server) if server else ("--database", "sqlite")
    size = ("--submissions", str(submissions), "--workers", "3", "--lease", "4")
    size += ("--kill-every", str(submissions // 10), "--stop-every", str(submissions * 3 // 10), "--seconds", "500")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos", *database, *size, "--json", str(tmp_path / "out.json")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert list(found) == NAMES
    assert found["accepted"] == submissions == found["scored"] + found["failed"]
    assert (found["open"], found["lost"], found["doubled"]) == (0, 0, 0)
    assert found["kills"] >= kills and found["stops"] >= stops
    assert found["submit_p99_ms"] > 0


def test_quantiles_are_nearest_ranks():
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(n) for n in range(1, 101)], 0.99) == 99.0
    assert quantile([], 0.5) is None
