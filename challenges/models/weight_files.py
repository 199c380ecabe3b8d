"""The files that hold a base model's weights: one, or several shards; and the SHA-256 of all of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

WEIGHTS, SHARDS, DIGEST = "model.safetensors", "model-*-of-*.safetensors", "digest.txt"


def weight_files(folder: Path) -> list[Path]:
    """The files of weights in `folder`, in the order of their names; none if the model is not there."""
    whole = folder / WEIGHTS
    return [whole] if whole.is_file() else sorted(folder.glob(SHARDS))


def sha256(file: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def weights_digest(folder: Path) -> str:
    """The SHA-256 of the file of weights; that of the lines which `sha256sum model-*` prints if there are several."""
    files = weight_files(folder)
    if len(files) == 1:
        return sha256(files[0])
    return hashlib.sha256("".join(f"{sha256(file)}  {file.name}\n" for file in files).encode()).hexdigest()
