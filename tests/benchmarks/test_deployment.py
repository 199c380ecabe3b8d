"""What the rehearsal of a deployment reads from `deploy/`; the rehearsal itself needs root and takes ten minutes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.deployment import __main__ as rehearsal
from benchmarks.deployment import systemctl
from tests.deploy.files import UNITS


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The units where the README copies them, with variables that lie in the test's folder."""
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "gradus.env").write_text("# A comment\nGRADUS_FROM_EMAIL='Gradus <a@b.org>'\nEMPTY=\n")
    for file in tmp_path.glob("*.service"):
        file.write_text(file.read_text().replace("/etc/gradus/gradus.env", str(tmp_path / "gradus.env")))
    monkeypatch.setattr(systemctl, "UNITS", tmp_path)
    return tmp_path


def test_the_lines_of_the_readme_are_found() -> None:
    found = rehearsal.STEP.search(rehearsal.README.read_text())
    assert found is not None
    lines = found.group(1).splitlines()
    assert lines[0].startswith("useradd") and "doctor" in lines[-1] and len(lines) > 12


def test_an_act_that_it_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(systemctl, "STATE", tmp_path / "state")
    assert systemctl.main(["mask", "gradus-web"]) == 2
    assert systemctl.main(["daemon-reload"]) == 0
    assert (tmp_path / "state" / "tmp").stat().st_mode & 0o7777 == 0o1777
