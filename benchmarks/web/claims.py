"""A worker of the busy lane that does no work: claims at an even pace, times each claim, ends what it has claimed.

`python -m benchmarks.web.claims LANE SECONDS EVERY RESULT`, with the site's environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import django

PROFILE = "load/float32/1"


def claim_all(lane: str, seconds: float, every: float) -> list[float]:
    """Milliseconds of each claim, its transaction and commit included."""
    from django.db import connection

    from gradus.submissions import services

    connection.ensure_connection()
    name = f"load:{lane}:{os.getpid()}"
    times, end, due = [], time.monotonic() + seconds, time.monotonic()
    while time.monotonic() < end:
        begin = time.perf_counter()
        evaluation = services.claim(lane, worker=name, profile=PROFILE)
        if evaluation is None:
            break
        times.append(1000 * (time.perf_counter() - begin))
        services.reject(evaluation.pk, evaluation.fence, "diverged")
        due = max(due + every, time.monotonic())
        time.sleep(due - time.monotonic() if due > time.monotonic() else 0)
    return times


def main() -> None:
    lane, seconds, every, result = sys.argv[1:]
    django.setup()
    Path(result).write_text(json.dumps(claim_all(lane, float(seconds), float(every))))


if __name__ == "__main__":
    main()
