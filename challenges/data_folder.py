"""Where the site's data lie."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """`GRADUS_DATA_DIR`, or `.data` beside the packages."""
    return Path(os.environ.get("GRADUS_DATA_DIR") or PROJECT / ".data")
