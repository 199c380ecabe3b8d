"""`make quick` runs the nearest tests of a change, and ends in time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import touched

FILES = {
    "platform/gradus/courses/services.py": "",
    "platform/gradus/courses/views.py": "from gradus.courses import services\nPAGE = 'learn/course.html'\n",
    "platform/gradus/learn/pages.py": "def late():\n    import gradus.courses.views\n",
    "templates/learn/course.html": "",
    "tests/factories.py": "from gradus.courses.services import publish\n",
    "tests/conftest.py": "",
    "tests/api/conftest.py": "",
    "tests/api/test_far.py": "from gradus.learn import pages\n",
    "tests/api/test_stranger.py": "",
    "tests/courses/test_address.py": "",
    "tests/courses/test_services.py": "from gradus.courses import services\n",
    "tests/learn/test_made.py": "from tests import factories\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        (
            "platform/gradus/courses/services.py",
            ["courses/test_services", "learn/test_made", "courses/test_address", "api/test_far"],
        ),
        ("platform/gradus/learn/pages.py", ["api/test_far", "learn/test_made"]),
        ("templates/learn/course.html", ["learn/test_made", "api/test_far"]),
        ("tests/api/conftest.py", ["api/test_far", "api/test_stranger"]),
        ("tests/learn/test_made.py", ["learn/test_made"]),
        ("constraints.txt", []),
    ],
)
def test_the_nearest_tests_come_first(project, changed, tests):
    assert touched.touched(project, [changed]) == [f"tests/{test}.py" for test in tests]


def test_several_changes_touch_the_tests_of_each(project):
    found = touched.touched(project, ["tests/api/test_stranger.py", "platform/gradus/learn/pages.py"])
    assert found == ["tests/api/test_stranger.py", "tests/api/test_far.py", "tests/learn/test_made.py"]


def git(project: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *who, *arguments], cwd=project, check=True, capture_output=True)


def test_a_change_is_what_a_branch_has_committed_changed_and_added(project):
    git(project, "init", "-b", "main")
    git(project, "add", ".")
    git(project, "commit", "-m", "first")
    assert touched.changes(project) == []
    (project / "tests/factories.py").write_text("# on main")
    assert touched.changes(project) == ["tests/factories.py"]
    git(project, "switch", "-c", "other")
    git(project, "commit", "-am", "second")
    (project / "tests/conftest.py").write_text("# changed")
    (project / "new.py").write_text("")
    assert touched.changes(project) == ["new.py", "tests/conftest.py", "tests/factories.py"]


@pytest.mark.parametrize("processes", ["0", "2"])
def test_after_the_time_no_test_is_begun_and_those_left_out_are_named(tmp_path, processes):
    (tmp_path / "test_it.py").write_text("def test_one():\n    pass\n\n\ndef test_other():\n    assert False\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    env = clean | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(touched.ROOT)}
    plugins = ["-p", "xdist", "-p", "tests.budget", "-p", "no:cacheprovider"]
    for until, status in ((time.monotonic() - 1, 0), (time.monotonic() + 600, 1)):
        command = [sys.executable, "-m", "pytest", *plugins, "-n", processes, "--until", str(until), "test_it.py"]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        assert ("NOT TESTED IN TIME: test_it.py (2 tests)" in done.stdout) == (status == 0)
