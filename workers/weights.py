"""Whether a base model's weights are still the bytes whose digest was stored beside them. Imports no torch."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

WEIGHTS, DIGEST = "model.safetensors", "digest.txt"

Identity = tuple[int, int, int, int]


def identity(folder: Path) -> Identity | None:
    """Inode, size, and times of change of the file of weights in `folder`, which change with its content; None without.

    A program may set the time of modification (`mtime`) back, but not the other one (`ctime`).
    """
    try:
        found = (folder / WEIGHTS).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def are_damaged(folder: Path) -> bool:
    """Whether the weights in `folder` cannot be read, or their SHA-256 is another than the stored one.

    The file is read once, and again when its identity has changed. Without weights or without a stored digest nothing
    is compared.
    """
    found, stored = identity(folder), folder / DIGEST
    if found is None or not stored.is_file():
        return False
    try:
        return _sha256(folder / WEIGHTS, found) != stored.read_text().strip()
    except OSError:
        return True


@lru_cache
def _sha256(file: Path, _: Identity) -> str:
    with file.open("rb") as weights:
        return hashlib.file_digest(weights, "sha256").hexdigest()
