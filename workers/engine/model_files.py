"""Where base models lie on disk, and whether their weights are still the bytes whose digest was stored beside them.

Imports no torch, so that `doctor` and the site's tools may ask.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from challenges.models import weight_files

PROJECT = Path(__file__).resolve().parents[2]
WEIGHTS, DIGEST = weight_files.WEIGHTS, weight_files.DIGEST

Identity = tuple[tuple[int, int, int, int], ...]
"""Of each file: inode, size in bytes, and the times of change `mtime` and `ctime` in nanoseconds."""


def data_dir() -> Path:
    """`GRADUS_DATA_DIR`, or `.data` in the project."""
    return Path(os.environ.get("GRADUS_DATA_DIR") or PROJECT / ".data")


def models_dir(data: Path | None = None) -> Path:
    """Where base models lie, one folder each."""
    return (data or data_dir()) / "models"


def identity(folder: Path) -> Identity | None:
    """Inode, size, and times of change of the files of weights in `folder`, which change with them; None without.

    A program may set the time of modification (`mtime`) back, but not the other one (`ctime`).
    """
    try:
        states = [file.stat() for file in weight_files.weight_files(folder)]
    except OSError:
        return None
    return tuple((one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in states) or None


def are_damaged(folder: Path) -> bool:
    """Whether the weights in `folder` cannot be read, or their SHA-256 is another than the stored one.

    They are read once, and again when their identity has changed. Without weights or without a stored digest nothing
    is compared.
    """
    current, stored = identity(folder), folder / DIGEST
    if current is None or not stored.is_file():
        return False
    try:
        return _sha256(folder, current) != stored.read_text().strip()
    except OSError:
        return True


@lru_cache
def _sha256(folder: Path, _: Identity) -> str:
    return weight_files.weights_digest(folder)
