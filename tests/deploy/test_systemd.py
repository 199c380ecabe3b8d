"""systemd reads the units as they are meant."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.deploy.files import PYTHON, UNITS, unit, units

VERIFY = shutil.which("systemd-analyze")
HERE = pytest.mark.skipif(VERIFY is None, reason="systemd-analyze is not installed: `apt-get install systemd`")
HARD = {"NoNewPrivileges": "yes", "PrivateTmp": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "UMask": "0077"}


def complaints(folder: Path, *names: str) -> list[str]:
    """What `systemd-analyze verify` says of units, with this machine's interpreter and folder in them."""
    shutil.copytree(UNITS, folder, dirs_exist_ok=True)
    for path in folder.glob("*.service"):
        text = path.read_text().replace(PYTHON, sys.executable)
        path.write_text(text.replace("/srv/gradus/app", str(settings.BASE_DIR)))
    for lane in settings.LANES:
        shutil.copy(folder / "gradus-worker@.service", folder / f"gradus-worker@{lane}.service")
    argv = [str(VERIFY), "verify", "--man=no", "--generators=no", *(str(folder / name) for name in names)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return [
        *done.stdout.splitlines(),
        *done.stderr.splitlines(),
        *([f"status {done.returncode}"] * bool(done.returncode)),
    ]


def names() -> list[str]:
    workers = [f"gradus-worker@{lane}.service" for lane in settings.LANES]
    return ["gradus.target", "gradus-web.service", "gradus-reconciler.service", *workers]


@HERE
def test_systemd_accepts_every_unit(tmp_path: Path) -> None:
    assert complaints(tmp_path, *names()) == []


def test_units_refer_to_units_that_there_are() -> None:
    there = {path.name for path in units()}
    for path in units():
        pairs = [pair for section in unit(path).values() for pair in section]
        ours = [name for key, value in pairs if key in ("Wants", "PartOf", "WantedBy") for name in value.split()]
        assert [name for name in ours if name.startswith("gradus") and name not in there] == [], path.name


@pytest.mark.parametrize("path", [path for path in units() if path.suffix == ".service"], ids=lambda path: path.name)
def test_a_service_is_shut_in_and_comes_back(path: Path) -> None:
    service = dict(unit(path)["Service"])
    assert {key: service.get(key) for key in HARD} == HARD
    assert (service["User"], service["Restart"]) == ("gradus", "always")


def test_a_worker_has_the_time_that_it_takes_to_give_its_job_back() -> None:
    from gradus.celery import app

    service = dict(unit(UNITS / "gradus-worker@.service")["Service"])
    assert int(service["TimeoutStopSec"]) > app.conf.worker_soft_shutdown_timeout
    assert service["KillMode"] == "mixed"
