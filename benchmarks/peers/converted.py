"""Keeps what a peer converts from the checkpoint, in its own folder, under the checkpoint's digest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers.job import Job


def kept(job: Job, suffix: str, convert: Callable[[Path], None]) -> Path:
    """The converted folder; made on first use. A conversion that breaks off leaves nothing."""
    place = Path(job.folder) / f"{job.digest[:16] or 'unnamed'}-{suffix}"
    if not place.exists():
        unfinished = place.with_name(f"{place.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        convert(unfinished)
        unfinished.rename(place)
    return place
