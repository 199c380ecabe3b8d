import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    """A folder with the Makefile alone, and a `python` that writes down how it was called."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "PORT", "MAKEFLAGS")}
    return subprocess.run(["make", *arguments], cwd=project, env=env, capture_output=True, text=True, check=False)


def fake(project: Path, name: str, body: str) -> str:
    path = project / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def logging_python(project: Path, *, ensurepip: bool) -> str:
    """Makes a virtual environment with a copy of itself; knows ensurepip or not."""
    missing = "" if ensurepip else 'case "$*" in *ensurepip*) exit 1;; esac'
    body = f"""echo "$@" >> {project}/calls
{missing}
case "$*" in "-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python";; esac"""
    return fake(project, "logging-python", body)


def calls(project: Path) -> list[str]:
    return [line for line in (project / "calls").read_text().splitlines() if not line.startswith("-c")]


def test_an_old_python_is_refused_with_a_way_out(project):
    old = fake(project, "old-python", 'case "$*" in --version) echo "Python 3.9.2";; *) exit 1;; esac')
    done = make(project, "up", f"PYTHON={old}")
    assert done.returncode != 0
    assert "Gradus needs Python 3.11 or newer" in done.stdout
    assert "Python 3.9.2" in done.stdout
    assert not (project / ".venv").exists()


def test_it_installs_once_and_again_when_the_list_changes(project):
    python = logging_python(project, ensurepip=True)
    assert make(project, "doctor", f"PYTHON={python}").returncode == 0
    install = "-m pip install --disable-pip-version-check -c constraints.txt -e .[worker,dev]"
    older = "-m pip uninstall --disable-pip-version-check --quiet --yes gradus"
    compiled = "-m compileall -q -j 0 .venv/lib"
    assert calls(project) == ["-m venv .venv", older, install, compiled, "manage.py doctor"]
    make(project, "doctor", f"PYTHON={python}")
    assert calls(project)[5:] == ["manage.py doctor"]
    stamp = (project / ".venv" / ".installed").stat().st_mtime
    os.utime(project / "constraints.txt", (stamp + 5, stamp + 5))
    make(project, "doctor", f"PYTHON={python}")
    assert calls(project)[6:] == [older, install, compiled, "manage.py doctor"]


def test_an_install_that_fails_is_tried_again(project):
    python = logging_python(project, ensurepip=True)
    make(project, ".venv/bin/python", f"PYTHON={python}")
    fake(project, ".venv/bin/python", "exit 1")
    assert make(project, "doctor", f"PYTHON={python}").returncode != 0
    assert not (project / ".venv" / ".installed").exists()


def test_without_ensurepip_pip_comes_from_outside(project):
    python = logging_python(project, ensurepip=False)
    assert make(project, "doctor", f"PYTHON={python}").returncode == 0
    first = ["-m venv --without-pip .venv", "-m pip --python .venv/bin/python install pip"]
    assert calls(project)[:2] == first


def test_every_target_is_there_and_the_gate_has_every_part(project):
    targets = ("up", "test", "check", "quick", "smoke", "bench", "models", "doctor", "lint", "second-python")
    assert make(project, "-n", *targets).returncode == 0
    said = make(project, "-n", "check").stdout
    parts = ["ruff check", "ruff format --check", "djlint templates", "mypy", "lint-imports", "makemigrations --check"]
    parts += ["deploy_check", "challenge lint challenges/library", "tests.second_python"]
    parts += ["pytest --numprocesses auto", '-m "not slow"']
    assert [part for part in parts if part not in said] == []
    # Some tests need the model.
    for target in ("test", "test-slow"):
        assert re.search("fetch_models\n.*pytest ", make(project, "-n", target).stdout)


@pytest.mark.parametrize("part", ["mypy", "ruff", "djlint", "gradus", "tests.second_python", "nothing"])
def test_a_part_that_fails_ends_the_gate_before_the_tests(project, part):
    python = logging_python(project, ensurepip=True)
    make(project, ".venv/.installed", f"PYTHON={python}")
    for name in ("ruff", "djlint", "lint-imports", "mypy", "gradus", "python"):
        refuse = f'case "$0 $*" in *{part}*) exit 1;; esac; echo "$0 $*" >> {project}/done'
        fake(project, f".venv/bin/{name}", refuse)
    (project / "done").touch()
    assert (make(project, "check").returncode == 0) == (part == "nothing")
    # The engine's tests with every special way switched off run beside the other parts.
    assert ("-m pytest --numprocesses auto" in (project / "done").read_text()) == (part == "nothing")


def test_ci_runs_the_gate_and_requires_everything():
    script = (ROOT / ".ci" / "run").read_text()
    assert "GRADUS_REQUIRE=browser,postgres,redis" in script
    parts = ["make check", 'make smoke >"$work/smoke" 2>&1 &', 'wait "$smoke_pid" || smoked=$?', '[ "$smoked" -eq 0 ]']
    assert [part for part in parts if f"\n{part}\n" not in script] == []
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0
