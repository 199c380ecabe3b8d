"""`gradus worker` with the runner of a fixed time: `python -m benchmarks.fleet.worker ARGUMENTS`."""

from __future__ import annotations

import typer

from workers import elsewhere
from workers.sandbox import launch

if __name__ == "__main__":
    launch.MODULE = "benchmarks.fleet.engine"
    typer.run(elsewhere.worker)
