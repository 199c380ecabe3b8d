"""Measures pages for authors: `python -m benchmarks.web.authors --database-server URL`.

It creates a new database on a PostgreSQL server, with 100,000 graded attempts at one challenge, of which each row's
score is kept, and 10,000 rows in a file of the studio. It measures whole requests, and drops the database. The exit
status is 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.web import stack
from benchmarks.web.gradebook import busy, database, the_teacher, timed_ms

# The goal for the median time of a page.
PAGE_MS = 300.0
ATTEMPTS_EACH = 5

# Each row is right with a chance that depends on the row and the attempt alone, so that all are told apart.
ROW_SCORES = """
insert into challenge_health_rowscores (evaluation_id, scores, answers)
select e.id,
    (select string_agg(case when (hashtextextended(e.id || ' ' || n, 0) & 255) < 60 + n %% 180 then '\\x64'::bytea
        else '\\x00'::bytea end, ''::bytea order by n) from generate_series(1, %(rows)s) n),
    jsonb_build_object('0', 'answer ' || e.id %% 7)
from submissions_evaluation e where e.state = 'scored' and e.submission_id is not null
"""


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web.authors", description=__doc__)
    parser.add_argument("--attempts", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=21)
    parser.add_argument("--database-server", metavar="URL", help="PostgreSQL; without it, a cluster of its own")
    return parser.parse_args(words)


def fill(attempts: int) -> Any:
    """Fills the tables with graded attempts, five of each learner. Returns the challenge."""
    from django.db import connection, transaction

    from benchmarks.web import seed
    from gradus.courses import bundles

    challenge = seed.board()
    hidden = len(bundles.load(challenge.version).hidden)
    people = -(-attempts // ATTEMPTS_EACH)
    key = {"challenge": challenge.pk, "version": challenge.version_id, "kind": challenge.kind}
    steps = [number / 20 for number in range(21)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select setseed(0.5)")
        cursor.execute(seed.PEOPLE, {"people": people})
        given: dict[str, str | int] = {
            "payload": json.dumps(seed.PROMPT),
            "prefix": "seed-",
            "each": ATTEMPTS_EACH,
            "first": 1,
        }
        cursor.execute(seed.SUBMISSIONS, {**key, **given, "last": people})
        cursor.execute(seed.EVALUATIONS, {**key, "state": "scored", "lane": "grade", "attempt": 1})
        cursor.execute(seed.SCORES, {"steps": steps, "count": len(steps), "pass": 0.6, "gold": 0.9})
        cursor.execute(ROW_SCORES, {"rows": hidden})
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    return challenge


def file_of_rows(challenge: Any, rows: int) -> str:
    """Stores a change of the challenge's hidden rows, so that the file has that many. Returns its path."""
    from gradus.studio import workspace

    path = f"{challenge.lesson.name}/{challenge.name}/hidden.jsonl"
    file = workspace.read(challenge.course, path)
    given = [json.loads(line) for line in (file.text or "").splitlines() if line.strip()]
    made = [{**given[n % len(given)], "id": f"row-{n}", "input": f"Case {n}: {given[n % len(given)]['input']}"}
            for n in range(rows)]  # fmt: skip
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made)
    workspace.save(challenge.course, path, text, by=the_teacher(), seen=file.seen)
    return path


def requests(challenge: Any, path: str) -> dict[str, tuple[float | None, Callable[[], object]]]:
    """Returns the requests to measure, by name. Each has a goal in ms, or None if no goal is set."""
    from django.test import Client

    client = Client(SERVER_NAME=stack.HOST)
    client.force_login(the_teacher(), backend="django.contrib.auth.backends.ModelBackend")
    health, studio = f"/teach/challenges/{challenge.slug}/", f"/teach/courses/{challenge.course.slug}/studio/"

    def ask(address: str) -> Callable[[], object]:
        def get() -> None:
            answer = client.get(address, secure=True)
            assert answer.status_code == 200, (address, answer.status_code)

        return get

    return {
        "how a challenge does": (PAGE_MS, ask(health)),
        "its rows": (None, ask(f"{health}rows/")),
        "its similar attempts": (None, ask(f"{health}similar/")),
        "rows as a table": (None, ask(f"{studio}rows/?path={path}")),
        "rows as a table, a search": (None, ask(f"{studio}rows/?path={path}&search=case+77")),
        "what lint says of them": (None, ask(f"{studio}problems?path={path}")),
        "the studio of the course": (None, ask(studio)),
    }


def measure(asked: dict[str, tuple[float | None, Callable[[], object]]], times: int) -> bool:
    """Prints the times of each request. Returns True if all requests reach their goals."""
    met = True
    print(busy(), flush=True)
    for name, (goal, ask) in asked.items():
        before = time.process_time()
        took = timed_ms(ask, times)
        own = (time.process_time() - before) * 1000 / (times + 1)
        median = statistics.median(took)
        said = f"goal {goal:.0f} ms" if goal else "no goal"
        print(f"{name:<30} median {median:7.1f} ms (own CPU {own:6.1f} ms), {said}", flush=True)
        met &= goal is None or median <= goal
    return met


def main() -> int:
    given = arguments()
    with ExitStack() as left:
        folder = Path(left.enter_context(tempfile.TemporaryDirectory(prefix="gradus-authors-")))
        url = left.enter_context(database(left.enter_context(stack.server(given.database_server)), None))
        os.environ.update(stack.environment(folder, url, ""))
        import django

        django.setup()
        logging.disable(logging.INFO)
        from django.db import connections

        from gradus.challenge_health import figures
        from gradus.operations import first_start
        from gradus.operations.console import Console

        left.callback(connections.close_all)
        first_start.migrate()
        first_start.publish_course(Console(sys.stderr))
        challenge = fill(given.attempts)
        begin = time.perf_counter()
        found = figures.refresh(challenge.version, challenge.kind)
        took = time.perf_counter() - begin
        print(f"figures of {found.figures['attempts']:,} attempts computed in {took:.2f} s", flush=True)
        path = file_of_rows(challenge, given.rows)
        return 0 if measure(requests(challenge, path), given.times) else 1


if __name__ == "__main__":
    raise SystemExit(main())
