"""Checks of this machine: its Python, its packages, its size, and who may read the data folder."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings

from challenges.distribution import install, requirements
from gradus.operations.doctor.results import Result, fail, ok, warn

OLDEST = (3, 11)
# Free disk space in GB below which a check fails or warns. Torch, the model, adapters and the database need about 5.
FREE_FAIL, FREE_WARN = 0.5, 5.0
# Memory in GiB and cores below which a check warns. `python -m benchmarks.footprint` measures what a site takes; the
# rest is for the system and a browser. A machine sold with 8 GB has about 7.6.
MEMORY_WARN, CORES_WARN = 6.0, 2
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
WORKER = ("torch", "transformers", "peft", "safetensors", "sklearn", "openai", "bm25s", "faiss")
SECRET = ("secret-key", "gradus.sqlite3")
CLOSED = ("private", "artifacts", "media")


def python() -> Iterator[Result]:
    """Checks the version of Python."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        yield fail("python", f"{found} is too old", "Install Python 3.11 or newer and run `make up` again.")
    else:
        yield ok("python", found)


def packages() -> Iterator[Result]:
    """Checks the packages of the site, those that only graders need, and their versions against `constraints.txt`."""
    missing = sorted(name for name in _core() if not _installed(name))
    if missing:
        yield fail("packages", f"missing: {', '.join(missing)}", "Run `make up`, or install Gradus again.")
    else:
        yield ok("packages", "the site's packages are installed")
    lacking = [name for name in WORKER if find_spec(name) is None]
    if lacking:
        hint = f"For a machine that grades: {install('worker')}"
        yield warn("worker packages", f"missing: {', '.join(lacking)}", hint)
    else:
        yield ok("worker packages", f"torch {version('torch')}, transformers {version('transformers')}")
    other = sorted(f"{name} {here} instead of {wanted}" for name, here, wanted in _drift())
    if other:
        shown = ", ".join(other[:3]) + (f" and {len(other) - 3} more" if len(other) > 3 else "")
        yield warn("versions", f"not the versions that were tested together: {shown}", "Run `make clean-venv up`.")


def _core() -> set[str]:
    """Returns the names of the packages that the site itself requires."""
    lines = requirements()
    plain = [line.split(";")[0] for line in lines if "extra ==" not in line]
    return {"".join(c if c.isalnum() or c in "-_." else " " for c in line).split()[0] for line in plain}


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _drift() -> Iterator[tuple[str, str, str]]:
    """Yields each installed package whose version is not the pinned one, as (name, installed, pinned)."""
    pins = settings.BASE_DIR / "constraints.txt"
    for line in pins.read_text().splitlines() if pins.exists() else ():
        name, found, wanted = line.partition("==")
        if found and not line.startswith("#") and _installed(name) and version(name) != wanted:
            yield name, version(name), wanted


def disk() -> Iterator[Result]:
    """Checks that there is enough free disk space."""
    free = shutil.disk_usage(settings.DATA_DIR).free / 1e9
    text = f"{free:.1f} GB free for {settings.DATA_DIR}"
    if free < FREE_FAIL:
        yield fail("disk", text, "Delete files, or move the data: set GRADUS_DATA_DIR to a folder on another disk.")
    elif free < FREE_WARN:
        yield warn("disk", text, "Delete files: models, adapters and the database will grow.")
    else:
        yield ok("disk", text)


def memory_and_cores() -> Iterator[Result]:
    """Checks that a whole site with its runners fits this machine, and that grading does not stop the web server."""
    memory, cores = _memory() / 1024**3, os.cpu_count() or 1
    text = f"{memory:.1f} GiB of memory, {cores} cores"
    if memory < MEMORY_WARN:
        hint = "Grade on another machine, or start fewer lanes: `manage.py up --lanes interactive,grade`."
        yield warn("size", f"{text}: a whole site needs {MEMORY_WARN:g} GiB, or jobs may be killed", hint)
    elif cores < CORES_WARN:
        yield warn("size", f"{text}: pages are slow while a job runs", f"Use a machine with {CORES_WARN} cores.")
    else:
        yield ok("size", text)


def _memory() -> int:
    """This machine's memory in bytes, or that of its container, if it has less."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = MEMORY_LIMIT.read_text().strip() if MEMORY_LIMIT.is_file() else ""
    return min(installed, int(limit)) if limit.isdigit() else installed


def data_folder() -> Iterator[Result]:
    """Checks that only this user can read secrets and hidden samples, and that the data folder can be written."""
    open_ones = [name for name in SECRET if _mode(settings.DATA_DIR / name) & 0o077]
    open_ones += [f"{name}/" for name in CLOSED if _mode(settings.DATA_DIR / name) & 0o077]
    if _mode(settings.DATA_DIR) & 0o022:
        open_ones.insert(0, "the folder itself")
    if open_ones:
        hint = f"Run `chmod -R go-rwx` on them; `manage.py up` does it too. Folder: {settings.DATA_DIR}"
        yield warn("data folder", f"other users of this machine can read {', '.join(open_ones)}", hint)
    elif not _writable(settings.DATA_DIR):
        yield fail("data folder", f"{settings.DATA_DIR} cannot be written", "Make the user who runs Gradus its owner.")
    else:
        yield ok("data folder", str(settings.DATA_DIR))


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0


def _writable(folder: Path) -> bool:
    probe = folder / ".doctor"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
