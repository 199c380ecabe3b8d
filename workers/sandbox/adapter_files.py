"""Reads the adapter files that a runner has written. The worker does not trust the runner."""

from __future__ import annotations

import os
import stat
from pathlib import Path

NAMES = ("adapter_config.json", "adapter_model.safetensors")
# All linear layers of the built-in model at rank 32 are under 20 MB; a larger model has larger adapters.
LARGEST_BYTES = 512 * 1024**2


def read(folder: Path) -> dict[str, bytes]:
    """The content of each file in `NAMES`, by name. No link is followed: it could lead to a file of the worker.

    Raises:
        ValueError: a file is missing, is not a regular file, or is too large.
    """
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise ValueError("no adapter folder") from error
    try:
        return {name: _read(name, place) for name in NAMES}
    finally:
        os.close(place)


def _read(name: str, place: int) -> bytes:
    try:
        # Non-blocking, because opening a pipe in the place of a file would block the worker forever.
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    except OSError as error:
        raise ValueError(f"no file {name}") from error
    with os.fdopen(found, "rb") as file:
        state = os.fstat(found)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink != 1 or state.st_size > LARGEST_BYTES:
            raise ValueError(f"{name} is not a regular file of the allowed size")
        return file.read()
