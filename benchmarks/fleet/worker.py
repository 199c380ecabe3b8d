"""`manage.py work` with the runner of a fixed time: `python -m benchmarks.fleet.worker LANE`."""

from __future__ import annotations

import sys

from django.core.management import execute_from_command_line

from workers.sandbox import launch

if __name__ == "__main__":
    launch.MODULE = "benchmarks.fleet.engine"
    execute_from_command_line(["manage.py", "work", "--lane", sys.argv[1]])
