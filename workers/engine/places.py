"""Where models lie on disk. Imports no torch, so that `doctor` and the site's tools may ask."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def data_dir() -> Path:
    """`GRADUS_DATA_DIR`, or `.data` in the project."""
    return Path(os.environ.get("GRADUS_DATA_DIR") or PROJECT / ".data")


def models_dir(data: Path | None = None) -> Path:
    """Where base models lie, one folder each."""
    return (data or data_dir()) / "models"
