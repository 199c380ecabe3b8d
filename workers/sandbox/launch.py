"""Starts the process of a runner with its own user, environment and folders."""

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

from challenges.models import catalogue
from workers.engine import hardware
from workers.engine.model_files import PROJECT
from workers.sandbox import privileges
from workers.sandbox.frames import Channel

INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "GRADUS_ENGINE", "GRADUS_GPU_MEMORY", "GRADUS_TRAINER")
SCRATCH = "gradus-runner-"
MODULE = "workers.sandbox.runner"
# A training step frees much memory and allocates it again. By default glibc returns the pages to the kernel each time,
# and the page faults take a third of a step. These settings make it keep them during a job; the runner gives them back
# when it has nothing to do. Huge pages would save another 6 % of a training run, and keep more memory.
ALLOCATOR = {
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 34),
    "MALLOC_TOP_PAD_": str(1 << 28),
}


def scratch_folder() -> Path:
    """Makes a folder for one worker's runner, whose user owns it. Its name contains the worker's process id."""
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
    if (listed := catalogue.models_file()) is not None:
        shutil.copyfile(listed, folder / catalogue.FILE_NAME)
        (folder / catalogue.FILE_NAME).chmod(0o644)
    return folder


def sweep() -> None:
    """Removes the folders that killed workers have left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*-*"):
        owner = folder.name.removeprefix(SCRATCH).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


def used_bytes(folder: Path) -> int:
    """The size in bytes of all files below the folder. A file that is deleted meanwhile counts as 0."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
    return total


def launch(scratch: Path, threads: int, options: Mapping[str, object]) -> tuple[subprocess.Popen[bytes], Channel]:
    """Starts `python -m workers.sandbox.runner` in `scratch` with two pipes and the command-line `options`.

    If the worker is root, the runner gets an unnamed user, who cannot read files that are closed to other users.
    Returns the process and the worker's end of the pipes.
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
            # What a library prints must not stand in the JSON that a command prints.
            stdout=sys.__stderr__,
            pass_fds=(child_reads, child_writes),
        )
    finally:
        os.close(child_reads)
        os.close(child_writes)
    return process, Channel(we_read, we_write)


def environment(scratch: Path, threads: int) -> dict[str, str]:
    """The runner's environment variables. Variables that are not named here, such as keys, are not passed on."""
    own = {name: os.environ[name] for name in INHERITED if name in os.environ}
    if (gpus := visible_gpus()) is not None:
        own["CUDA_VISIBLE_DEVICES"] = gpus
    return own | {
        "PYTHONPATH": str(PROJECT),
        # The site's data folder is closed to it: it finds the list of base models among what it is given.
        "GRADUS_DATA_DIR": str(given_folder()),
        "HOME": str(scratch),
        # Some libraries look up the name of their user, and the runner's user has none.
        "USER": "gradus-runner",
        "LOGNAME": "gradus-runner",
        "TMPDIR": str(scratch),
        "HF_HOME": str(scratch),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "OMP_NUM_THREADS": str(threads),
        # Threads that spin at a barrier slow down the machine's other lanes: a training step took four times as long.
        # Threads that sleep at once lose time in each small operation. Spinning this briefly does not slow down other
        # runners: training on 64 rows took 5.6 s with it and 7.1 s without, and 8.2 s and 8.3 s beside another runner.
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "1000",
        "RAYON_NUM_THREADS": str(threads),
        **ALLOCATOR,
        "PYTHONWARNINGS": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def visible_gpus() -> str | None:
    """A runner's `CUDA_VISIBLE_DEVICES`, or None for no such variable.

    It is this process's own one, of which `GRADUS_DEVICE=cuda:1` leaves the second entry; without one, `1`. So a runner
    sees one GPU, which to torch is the first.

    Raises:
        ValueError: This process may not see so many GPUs.
    """
    ours = os.environ.get("CUDA_VISIBLE_DEVICES")
    chosen = os.environ.get("GRADUS_DEVICE", "")
    number = chosen.partition(":")[2] if hardware.DEVICE.fullmatch(chosen) else ""
    if not number:
        return ours
    if ours is None:
        return str(int(number))
    seen = [one.strip() for one in ours.split(",") if one.strip()]
    if int(number) >= len(seen):
        raise ValueError(f"GRADUS_DEVICE is {chosen}, but CUDA_VISIBLE_DEVICES ({ours!r}) names {len(seen)} GPUs")
    return seen[int(number)]
