"""All that Gradus uses of Celery and billiard without their documenting it: the processes of a prefork pool.

Tried with celery 5.7.0. `tests/structure/test_private_interfaces.py` fails when another release series is installed.
"""

from __future__ import annotations

from typing import Any


def pool_process_ids(worker: Any) -> list[int]:
    """Returns the process ids of a Celery worker's prefork pool; none for a pool of threads, which has no processes."""
    processes = getattr(getattr(worker.pool, "_pool", None), "_pool", None) or []
    return [process.pid for process in processes if isinstance(getattr(process, "pid", None), int)]
