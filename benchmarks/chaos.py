"""Submissions under continuous faults: `python -m benchmarks.chaos --submissions 10000 --database sqlite --json FILE`.

Workers with their runners, two reconcilers, a web server and four clients over HTTP, all real processes; the engine
alone is a stub, which answers at once. Processes are killed with SIGKILL, and workers stopped past their lease, each so
many ended evaluations; stops overlap, so there are more workers than the machine has cores. Ctrl-C ends it and all
that it started. Status 1 where the history breaks the model of `tests/faults/history.py`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.faults.site import Site, open_site

ATTEMPTS = 10
RECONCILERS, CLIENTS = 2, 4
STATES = ("accepted", "scored", "rejected", "failed", "review", "cancelled", "open")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--submissions", type=int, default=200)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument(
        "--server", default=os.environ.get("GRADUS_TEST_POSTGRES"), help="PostgreSQL; as postgres://..."
    )
    parser.add_argument("--workers", type=int, default=12, help="all but one may be stopped at a time")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--lease", type=int, default=60, metavar="SECONDS", help="as on a site: 60")
    parser.add_argument("--kill-every", type=int, default=36, metavar="N", help="a SIGKILL each N ended evaluations")
    parser.add_argument("--stop-every", type=int, default=100, metavar="N", help="a stop past the lease each N")
    parser.add_argument("--seconds", type=float, default=4 * 3600, help="give up after so long")
    options = parser.parse_args()
    if options.database == "postgres" and not options.server:
        parser.error("name a PostgreSQL server: --server postgres://user:password@host/database")
    return options


def run(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """The figures, and what the history has against the model."""
    server = options.server if options.database == "postgres" else None
    heartbeat = max(1, options.lease // 6)
    with open_site(server, lease=options.lease, heartbeat=heartbeat) as site:
        site.start(workers=options.workers, reconcilers=RECONCILERS)
        site.start_web()
        start = time.monotonic()
        each = max(n for n in range(1, ATTEMPTS + 1) if options.submissions % n == 0)
        site.submit(learners=options.submissions // each, each=each, clients=CLIENTS, http=True)
        told = grade_under_faults(site, options)
        return figures(site.history(), told, time.monotonic() - start)


def grade_under_faults(site: Site, options: argparse.Namespace) -> dict[str, Any]:
    """Until all have their answer, or the time is over."""
    found: dict[str, Any] = site.drain(
        seconds=options.seconds,
        kill_every=options.kill_every,
        stop_every=options.stop_every,
        stop_s=options.lease + 3,
    )
    return found


def figures(history: dict[str, Any], told: dict[str, Any], seconds: float) -> tuple[dict[str, Any], list[str]]:
    found = {
        **{name: history["counts"][name] for name in STATES},
        "lost": len(history["lost"]),
        "doubled": len(history["doubled"]),
        "kills": told["kills"],
        "stops": told["stops"],
        "recovery_p50_s": quantile(told["recovery_s"], 0.50),
        "recovery_p99_s": quantile(told["recovery_s"], 0.99),
        "submit_p99_ms": quantile(history["submit_ms"], 0.99),
        "seconds": round(seconds, 1),
    }
    return found, [*history["lost"], *history["doubled"], *history["broken"]]


def quantile(values: list[float], share: float) -> float | None:
    """Nearest rank; None where nothing was measured."""
    return round(sorted(values)[math.ceil(share * len(values)) - 1], 2) if values else None


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        found, broken = run(options)
    except KeyboardInterrupt:
        print("Stopped; nothing is left running.", file=sys.stderr)
        return 130
    print(json.dumps(found, indent=2))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    for line in broken:
        print(f"broken: {line}", file=sys.stderr)
    return 1 if broken or found["open"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
