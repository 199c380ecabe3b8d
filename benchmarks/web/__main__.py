"""The site under load: `python -m benchmarks.web --json FILE`.

PostgreSQL, Redis, the web server with production settings, a grading worker with a stub engine and the reconciler are
started on one machine with the load itself: learners (Locust) who read pages and submit, readers of event streams, a
leaderboard with many scores, a long queue and a worker that claims from it. Ctrl-C ends all of it. Status 1 where a
goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import venvs
from benchmarks.figures.machines import with_cores
from benchmarks.web import dates, report, stack

ROOT = Path(__file__).resolve().parents[2]
CLAIM_EVERY = 0.1
PACKAGES = ("django", "granian", "psycopg", "celery", "redis")
LESSON = "fine-tuning-vs-prompting"


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description=__doc__)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--queued", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60, help="after the ramp, which is not measured")
    parser.add_argument("--think", type=float, nargs=2, default=(10.0, 30.0), metavar="S", help="between two pages")
    parser.add_argument("--database-server", metavar="URL", help="PostgreSQL; without it, a cluster of its own")
    parser.add_argument("--json", type=Path, help="where the figures go")
    given = parser.parse_args(words)
    if min(given.users, given.scores, given.queued) < 1 or given.seconds <= 0 or given.streams < 0:
        parser.error("users, scores, queued and seconds must be positive, streams not negative")
    if given.queued < 2 * given.streams:
        parser.error("each stream follows something that waits: --queued must be at least twice --streams")
    if given.scores < given.users:
        parser.error("each learner has a score: --scores must be at least --users")
    return given


def run(given: argparse.Namespace, locust: Path) -> dict[str, Any]:
    from tests.faults.site import database

    source = os.environ.get("GRADUS_DATA_DIR", "")
    with ExitStack() as left:
        folder = Path(left.enter_context(tempfile.TemporaryDirectory(prefix="gradus-web-")))
        server = left.enter_context(stack.server(given.database_server))
        url = left.enter_context(database(server))
        assert url is not None
        redis, address = left.enter_context(stack.redis_server(folder))
        os.environ.update(stack.environment(folder, url, address))
        stack.take_model(folder, Path(source) if source else None)
        import django

        django.setup()
        return measured(given, locust, folder, redis, address)


def measured(given: argparse.Namespace, locust: Path, folder: Path, redis: Any, address: str) -> dict[str, Any]:
    from django.db import connections

    from benchmarks.web.seed import seed
    from gradus.operations import ports
    from gradus.operations.console import Console
    from gradus.operations.processes import Stack

    with (folder / "log").open("w") as log, Stack(ROOT, Console(log)) as running:
        say("preparing")
        stack.prepare(running.console)
        begin = time.monotonic()
        seeded = seed(given.users, given.scores, given.queued, given.streams)
        say(f"seeded in {time.monotonic() - begin:.0f} s")
        member = dates.seed_class(seeded.learners[-1])
        facts = {"seed_s": round(time.monotonic() - begin, 1), "versions": versions(locust)}
        connections.close_all()
        port = ports.any_free()
        stack.start(running, port, address, redis)
        found = load(given, locust, folder, port, seeded, running)
        found |= dates.measured(port, stack.HOST, pages()["challenge"], seeded.learners[-1], member)
        crashes = sum(child.crashes for child in running.children)
    return {**found, **facts, "crashes": crashes, "machine": with_cores()}


def load(given: argparse.Namespace, locust: Path, folder: Path, port: int, seeded: Any, running: Any) -> dict[str, Any]:
    """Everybody arrives within the longest pause; then it is measured."""
    ramp = given.think[1] + 5
    whole = ramp + given.seconds
    files = {name: folder / f"{name}.json" for name in ("learners", "readers", "claims")}
    results = {name: folder / f"{name}.result" for name in files}
    plan = {
        "users": seeded.learners,
        "pages": pages(),
        "boards": boards(given.scores),
        "think_s": given.think,
        "host": stack.HOST,
        "result": str(results["learners"]),
    }
    files["learners"].write_text(json.dumps(plan))
    streams = {"port": port, "host": stack.HOST, "open": given.streams, "seconds": whole, "streams": seeded.streams}
    files["readers"].write_text(json.dumps({**streams, "result": str(results["readers"])}))
    from benchmarks.web.seed import BUSY_LANE

    commands = {
        "learners": [str(locust), "-m", "locust", "-f", "benchmarks/web/learners.py", "--headless", "--only-summary",
                     "-u", str(given.users), "-r", str(given.users), "-t", f"{whole:.0f}s", "--stop-timeout", "5",
                     "--host", f"http://127.0.0.1:{port}"],
        "readers": [sys.executable, "-m", "benchmarks.web.streams", str(files["readers"])],
        "claims": [sys.executable, "-m", "benchmarks.web.claims", BUSY_LANE, str(whole), str(CLAIM_EVERY),
                   str(results["claims"])],
    }  # fmt: skip
    begin = time.time()
    say(f"{given.users} learners, {given.streams} streams: {ramp:.0f} s to arrive, {given.seconds:.0f} s measured")
    together(commands, {"LOAD_PLAN": str(files["learners"])}, folder, whole + 60, running)
    return {
        **answers(results["learners"], begin + ramp, begin + whole),
        **told_of_streams(json.loads(results["readers"].read_text())),
        **told_of_claims(json.loads(results["claims"].read_text())),
        "queued": given.queued,
        "scores": given.scores,
        "users": given.users,
        "think_s": list(given.think),
        "seconds": given.seconds,
    }


def together(commands: dict[str, list[str]], extra: dict[str, str], folder: Path, seconds: float, running: Any) -> None:
    """Runs all at once. Raises `SystemExit` with the output's end where one fails, `KeyboardInterrupt` on Ctrl-C."""
    started = {}
    try:
        for name, command in commands.items():
            with (folder / f"{name}.out").open("w") as out:
                started[name] = subprocess.Popen(
                    command, cwd=ROOT, env=os.environ | extra, stdout=out, stderr=out, start_new_session=True
                )
        end = time.monotonic() + seconds
        while any(process.poll() is None for process in started.values()) and time.monotonic() < end:
            running.look()
            if running.stopping.wait(0.2):
                raise KeyboardInterrupt
    finally:
        for process in started.values():
            stack.end(process)
    for name, process in started.items():
        if process.returncode and not (folder / f"{name}.result").exists():
            raise SystemExit(f"{name} ended with {process.returncode}:\n{(folder / f'{name}.out').read_text()[-2000:]}")


def pages() -> dict[str, str]:
    from django.urls import reverse

    from benchmarks.web.seed import BOARD

    return {
        "lesson": reverse("learn:lesson", args=[LESSON]),
        "challenge": reverse("learn:challenge", args=[BOARD]),
        "home": reverse("home"),
        "path": reverse("learn:path"),
        "boards": reverse("leaderboards:index"),
    }


def boards(scores: int) -> list[str]:
    """Mostly the first page, as people read it; also the middle and the end."""
    from django.urls import reverse

    from benchmarks.web.seed import BOARD
    from gradus.leaderboards.boards import PAGE_ROWS

    first = reverse("leaderboards:board", args=[BOARD])
    last = max(1, scores // PAGE_ROWS)
    return [first] * 6 + [f"{first}?page={page}" for page in (2, 3, max(1, last // 2), last)]


def answers(file: Path, begin: float, end: float) -> dict[str, Any]:
    rows = [report.Request(*json.loads(line)) for line in file.read_text().splitlines()]
    return report.figures(report.steady(rows, begin, end))


def told_of_streams(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "streams_open": found["open"],
        "stream_first_event_p50_ms": report.percentile(found["first_ms"], 0.5),
        "stream_first_event_p95_ms": report.percentile(found["first_ms"], 0.95),
        "stream_events": found["events"],
        "stream_errors": found["bad"] + sum(n for status, n in found["statuses"].items() if status != "200"),
    }


def told_of_claims(times: list[float]) -> dict[str, Any]:
    return {
        "claims": len(times),
        "claim_p50_ms": report.percentile(times, 0.5),
        "claim_p99_ms": report.percentile(times, 0.99),
    }


def versions(locust: Path) -> dict[str, str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("show server_version")
        (postgres,) = cursor.fetchone()
    told = subprocess.run([str(locust), "-m", "locust", "--version"], capture_output=True, text=True, check=False)
    found = {"python": sys.version.split()[0], "postgresql": postgres.split()[0], "locust": told.stdout.split()[1]}
    return {**found, **{name: version(name) for name in PACKAGES}}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    given = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.getsignal(signal.SIGINT))
    try:
        found = run(given, venvs.python("locust"))
    except venvs.NotInstalled as reason:
        say(f"Locust could not be installed: {reason}")
        return 2
    except KeyboardInterrupt:
        say("Stopped; nothing is left running.")
        return 130
    text = json.dumps(found, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")
    missed = report.short_of(found)
    for line in missed:
        say(f"missed: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
