from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from gradus.operations.console import Console
from gradus.operations.processes import Program


@pytest.fixture
def screen():
    """What a person would see."""
    return io.StringIO()


@pytest.fixture
def console(screen):
    return Console(screen)


@pytest.fixture
def data_dir(settings, tmp_path, monkeypatch):
    """The site's folder, for a test of its own."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    settings.STATIC_ROOT = settings.DATA_DIR / "static"
    monkeypatch.setenv("GRADUS_DATA_DIR", str(settings.DATA_DIR))
    return settings.DATA_DIR


@pytest.fixture
def script():
    """A program that runs Python code."""

    def make(name: str, code: str, **more: object) -> Program:
        return Program(name, (sys.executable, "-u", "-c", code), **more)

    return make


def alive(pid: int) -> bool:
    """Zombies are dead: whoever made them has not asked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
