"""Where base models lie on disk, and whether their weights are still the bytes whose digest was stored beside them.

Imports no torch, so that `doctor` and the site's tools may ask.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
WEIGHTS, DIGEST = "model.safetensors", "digest.txt"

Identity = tuple[int, int, int, int]
"""Inode, size in bytes, and the times of change `mtime` and `ctime` in nanoseconds."""


def data_dir() -> Path:
    """`GRADUS_DATA_DIR`, or `.data` in the project."""
    return Path(os.environ.get("GRADUS_DATA_DIR") or PROJECT / ".data")


def models_dir(data: Path | None = None) -> Path:
    """Where base models lie, one folder each."""
    return (data or data_dir()) / "models"


def identity(folder: Path) -> Identity | None:
    """Inode, size, and times of change of the file of weights in `folder`, which change with its content; None without.

    A program may set the time of modification (`mtime`) back, but not the other one (`ctime`).
    """
    try:
        state = (folder / WEIGHTS).stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def are_damaged(folder: Path) -> bool:
    """Whether the weights in `folder` cannot be read, or their SHA-256 is another than the stored one.

    The file is read once, and again when its identity has changed. Without weights or without a stored digest nothing
    is compared.
    """
    current, stored = identity(folder), folder / DIGEST
    if current is None or not stored.is_file():
        return False
    try:
        return _sha256(folder / WEIGHTS, current) != stored.read_text().strip()
    except OSError:
        return True


@lru_cache
def _sha256(file: Path, _: Identity) -> str:
    with file.open("rb") as weights:
        return hashlib.file_digest(weights, "sha256").hexdigest()
