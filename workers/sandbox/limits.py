"""How much of the machine's memory a runner may take: a setting, which knows whether there is a GPU."""

from __future__ import annotations

import os
from pathlib import Path

from challenges.models.weight_files import weight_files

GIB = 1024**3
HOST_GIB = 16


def memory_bytes(models_dir: Path, device: str) -> int:
    """`GRADUS_RUNNER_MEMORY` in GiB, or 16; on a GPU also the size of the largest base model's files.

    On their way to the GPU the weights are mapped, and count like memory of the process.
    """
    given = os.environ.get("GRADUS_RUNNER_MEMORY", "").strip()
    own = (int(given) if given.isdigit() else HOST_GIB) * GIB
    if device == "cpu":
        return own
    folders = models_dir.iterdir() if models_dir.is_dir() else ()
    sizes = (sum(file.stat().st_size for file in weight_files(folder)) for folder in folders)
    return own + max(sizes, default=0)
