"""Files that a worker gives its runner for one job, which reads them and cannot change them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from workers.sandbox import launch


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, which is deleted when the context ends. The runner may be another user, so anybody can read."""
    with tempfile.TemporaryDirectory(prefix="adapter-", dir=launch.given_folder()) as made:
        Path(made).chmod(0o755)
        yield Path(made)


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A new file in that folder, open for writing."""
    with path.open("wb") as file:
        yield file
    path.chmod(0o644)
