"""The plugin that skips in plain sight, and fails where a thing is required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.requirements import numbered

ROOT = Path(__file__).resolve().parents[2]
TEST = "import pytest\n\n@pytest.mark.redis\ndef test_it():\n    pass\n"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "test_needy.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  redis: needs Redis\n")

    def pytest_with(*options: str, **env: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "tests.requirements", "-p", "xdist"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GRADUS_", "PYTEST"))}
        clean |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env}
        return subprocess.run([*argv, *options, str(tmp_path)], cwd=tmp_path, env=clean, capture_output=True, text=True)

    return pytest_with


@pytest.mark.parametrize("options", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)])
def test_what_is_missing_is_skipped_and_named(run, options):
    done = run(*options)
    assert done.returncode == 0
    assert "1 skipped" in done.stdout
    assert "what this machine lacks: redis (GRADUS_TEST_REDIS is not set" in done.stdout


@pytest.mark.parametrize(("process", "number"), [("", 9), ("gw0", 9), ("gw1", 10), ("gw12", 21)])
def test_each_process_has_a_redis_database_of_its_own(process, number):
    assert numbered("redis://127.0.0.1:6379/9", process) == f"redis://127.0.0.1:6379/{number}"


def test_what_is_required_and_missing_or_away_fails(run):
    for said, more in (("redis is required", {}), ("nothing answers", {"GRADUS_TEST_REDIS": "redis://127.0.0.1:1/0"})):
        done = run(GRADUS_REQUIRE="redis", **more)
        assert done.returncode == 1 and said in done.stdout


def test_a_typing_error_does_not_switch_the_gate_off(run):
    done = run(GRADUS_REQUIRE="reddis")
    assert done.returncode not in (0, 1)
    assert "GRADUS_REQUIRE has reddis" in done.stdout + done.stderr
