"""A really full file system (ENOSPC) that holds the database, its log, raw rows and events."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import clean, drain
from tests.faults.site import open_site

SIZE = "32m"
FULL_SECONDS = 6


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if made.returncode != 0:
        pytest.skip("only root may mount a small file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Writes a file that takes all free space."""
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    assert os.statvfs(disk).f_bavail == 0
    return ballast


def test_a_full_disk_takes_nothing_in_and_loses_nothing(small_disk):
    database = f"sqlite:///{small_disk}/gradus.sqlite3"
    with open_site(GRADUS_DATA_DIR=str(small_disk), DATABASE_URL=database) as site:
        site.start(workers=3, reconcilers=2)
        site.submit(learners=2, each=1, word="slow")
        assert site.wait_for(seconds=60, state="running")
        ballast = fill(small_disk)
        assert not site.drain(seconds=FULL_SECONDS)["drained"]
        ballast.unlink()
        drain(site)
        counts = clean(site.history())
        assert counts["scored"] == counts["accepted"] == 2
