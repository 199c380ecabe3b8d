"""Files that a worker gives its runner for one job, which reads them and cannot change them."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from workers.sandbox import adapter_files, launch


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, which is deleted when the context ends. The runner may be another user, so anybody can read."""
    with tempfile.TemporaryDirectory(prefix="adapter-", dir=launch.given_folder()) as made:
        Path(made).chmod(0o755)
        yield Path(made)


def unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    """Writes the files of a trained adapter, or of a whole trained model, from an archive of ours into that folder."""
    wanted = {*adapter_files.NAMES, adapter_files.MARK, *adapter_files.CHECKPOINT}
    for name in wanted.intersection(archive.namelist()):
        with archive.open(name) as source, written(folder / name) as copy:
            shutil.copyfileobj(source, copy)


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A new file in that folder, open for writing."""
    with path.open("wb") as file:
        yield file
    path.chmod(0o644)
