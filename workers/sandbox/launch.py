"""How a runner's process is started: its command, its user, its environment, its folders."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from challenges import models_file
from workers.engine.places import PROJECT
from workers.sandbox import privileges
from workers.sandbox.frames import Channel

INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
SCRATCH = "gradus-runner-"
MODULE = "workers.sandbox.runner"
# A training step frees gigabytes and takes them again. glibc would give the pages back each time, and the faults cost a
# third of a step: so it keeps them, in huge pages where it can (glibc 2.35 and newer; others ignore this).
ALLOCATOR = {
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 34),
    "MALLOC_TOP_PAD_": str(1 << 28),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def scratch_folder() -> Path:
    """A new folder for one worker's runner, who owns it; its name holds the worker's process id."""
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-")).resolve()
    user = privileges.user_for(os.getpid())
    if user is not None:
        os.chown(folder, user, user)
    return folder


@cache
def given_folder() -> Path:
    """Where this worker puts files that its runner may read and not write: the list of base models, a staff adapter."""
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-given-")).resolve()
    folder.chmod(0o755)
    if (listed := models_file.models_file()) is not None:
        shutil.copyfile(listed, folder / models_file.NAME)
        (folder / models_file.NAME).chmod(0o644)
    return folder


def sweep() -> None:
    """Removes what workers that were killed left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*-*"):
        owner = folder.name.removeprefix(SCRATCH).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


def used_bytes(folder: Path) -> int:
    """What lies in the folder and below; files that go meanwhile count nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
    return total


def launch(scratch: Path, threads: int, options: Mapping[str, object]) -> tuple[subprocess.Popen[bytes], Channel]:
    """Starts `python -m workers.sandbox.runner` in `scratch`, with two pipes; the options are its command line's.

    Where the worker is root, the runner gets a user without a name, whom the kernel keeps from all that is closed.
    """
    child_reads, we_write = os.pipe()
    we_read, child_writes = os.pipe()
    ours: dict[str, object] = {"read-fd": child_reads, "write-fd": child_writes, "parent": os.getpid()}
    ours |= {"scratch": scratch, "given": given_folder()}
    if (user := privileges.user_for(os.getpid())) is not None:
        ours["user"] = user
    arguments = [f"--{name}={value}" for name, value in {**options, **ours}.items()]
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, *arguments],
            cwd=scratch,
            env=environment(scratch, threads),
            stdin=subprocess.DEVNULL,
            pass_fds=(child_reads, child_writes),
        )
    finally:
        os.close(child_reads)
        os.close(child_writes)
    return process, Channel(we_read, we_write)


def environment(scratch: Path, threads: int) -> dict[str, str]:
    """Made from nothing: a variable that is not named here, such as a key or an address, is not passed on."""
    own = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return own | {
        "PYTHONPATH": str(PROJECT),
        # The site's data folder is closed to it: it finds the list of base models among what it is given.
        "GRADUS_DATA_DIR": str(given_folder()),
        "HOME": str(scratch),
        # Some libraries ask who they are, and the runner's user is in no list.
        "USER": "gradus-runner",
        "LOGNAME": "gradus-runner",
        "TMPDIR": str(scratch),
        "HF_HOME": str(scratch),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "OMP_NUM_THREADS": str(threads),
        # Threads that spin at a barrier starve a machine that lanes share: a training step took four times as long.
        # Those that sleep at once pay for each small operation; this short a wait costs neighbours nothing: alone a
        # training of 64 rows took 5.6 s with it and 7.1 s without, beside another runner's scoring 8.2 s and 8.3 s.
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "1000",
        "RAYON_NUM_THREADS": str(threads),
        **ALLOCATOR,
        "PYTHONWARNINGS": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
