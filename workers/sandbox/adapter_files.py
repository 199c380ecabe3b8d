"""Reads the files of what a runner has trained. The worker does not trust the runner."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from workers.sandbox import launch
from workers.sandbox.confinement import FILE_BYTES

NAMES = ("adapter_config.json", "adapter_model.safetensors")
MARK = "quantisation.json"
"""Beside an adapter over a base in 4 bits."""
WEIGHTS = "model.safetensors"
CHECKPOINT = ("config.json", WEIGHTS, "tokenizer.json")
# All linear layers of the built-in model at rank 32 are under 20 MB; a larger model has larger adapters.
LARGEST_BYTES = 512 * 1024**2


def read(folder: Path) -> dict[str, bytes]:
    """The content of each file, by name. Raises what `opened` raises."""
    with opened(folder) as files:
        return {name: file.read() for name, file in files.items()}


@contextmanager
def opened(folder: Path) -> Iterator[dict[str, BinaryIO]]:
    """The files of an adapter or of a whole trained model, by name, open for as long as the context lasts.

    No link is followed: it could lead to a file of the worker.

    Raises:
        ValueError: a file is missing, is not a regular file, or is too large.
    """
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise ValueError("no adapter folder") from error
    with ExitStack() as held:
        held.callback(os.close, place)
        yield {name: held.enter_context(_open(name, place)) for name in _names(os.listdir(place))}  # noqa: PTH208 - the opened folder


def pack(files: Mapping[str, BinaryIO], archive: zipfile.ZipFile) -> None:
    """Writes what `opened` yields into an archive, piece by piece, because a checkpoint is large."""
    for name, file in files.items():
        with archive.open(name, "w", force_zip64=True) as copy:
            shutil.copyfileobj(file, copy)


def _names(names: list[str]) -> tuple[str, ...]:
    if WEIGHTS in names:
        return CHECKPOINT
    return (*NAMES, MARK) if MARK in names else NAMES


def _open(name: str, place: int) -> BinaryIO:
    try:
        # Non-blocking, because opening a pipe in the place of a file would block the worker forever.
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    except OSError as error:
        raise ValueError(f"no file {name}") from error
    file = os.fdopen(handle, "rb")
    state = os.fstat(handle)
    most = FILE_BYTES if name == WEIGHTS else LARGEST_BYTES
    if not stat.S_ISREG(state.st_mode) or state.st_nlink != 1 or state.st_size > most:
        file.close()
        raise ValueError(f"{name} is not a regular file of the allowed size")
    return file


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, which is deleted when the context ends. The runner may be another user, so anybody can read."""
    with tempfile.TemporaryDirectory(prefix="adapter-", dir=launch.given_folder()) as made:
        Path(made).chmod(0o755)
        yield Path(made)


def unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    """Writes the files of a trained adapter, or of a whole trained model, from an archive of ours into that folder."""
    wanted = {*NAMES, MARK, *CHECKPOINT}
    for name in wanted.intersection(archive.namelist()):
        with archive.open(name) as source, written(folder / name) as copy:
            shutil.copyfileobj(source, copy)


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A new file in that folder, open for writing."""
    with path.open("wb") as file:
        yield file
    path.chmod(0o644)
