"""Measures the gradebook of a large class: `python -m benchmarks.web.gradebook --database-server URL`.

It creates a new database on a PostgreSQL server, with a class of 1,000 learners and a million scores at 24 challenges,
measures whole requests for its pages and files, and drops the database. With `--keep NAME`, the database gets this name
and stays, and a later run measures with its data again. The exit status is 1 if a goal is missed.
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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.web import stack

# The goals for the median time of a page and of a file.
PAGE_MS, FILE_MS = 300.0, 2000.0
CHALLENGES = 24
TITLE = "A large class"
LABELS = ("Section A", "Section B", "Extra time")

MEMBERS = """
insert into classes_member (of_class_id, user_id, email, login, registration_number, first_name, last_name,
    learner_data, state, joined_via, joined_at)
select %(class)s, u.id, u.email, '', lpad(u.id::text, 8, '0'), 'Kim', 'Person ' || u.id, 'none', 'active', 'roster',
    now()
from accounts_user u where u.username like 'load-%%'
"""
MARKED = """
insert into classes_member_labels (member_id, label_id)
select m.id, l.id from classes_member m join classes_label l on l.of_class_id = m.of_class_id
where m.of_class_id = %(class)s and (m.id + l.id) %% 3 = 0
"""
SUBMISSIONS = """
insert into submissions_submission (uuid, user_id, challenge_id, version_id, kind, payload, payload_sha256,
    idempotency_key, created_at, of_class_id)
select gen_random_uuid(), m.user_id, %(challenge)s, %(version)s, %(kind)s, %(payload)s::jsonb, repeat('0', 64),
    'seed-' || k, now() - random() * interval '60 days' - interval '1 day', %(class)s
from classes_member m cross join generate_series(1, %(each)s) k where m.of_class_id = %(class)s
"""


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web.gradebook", description=__doc__)
    parser.add_argument("--learners", type=int, default=1000)
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=21)
    parser.add_argument("--database-server", metavar="URL", help="PostgreSQL; without it, a cluster of its own")
    parser.add_argument("--keep", metavar="NAME", help="a database of the server, which is made where it is missing")
    return parser.parse_args(words)


@contextmanager
def database(server: str, keep: str | None) -> Iterator[str]:
    """Returns a database that is dropped at the end, or the one that is kept."""
    import psycopg
    from psycopg import sql

    from tests.faults import site

    if not keep:
        with site.database(server) as url:
            assert url is not None
            yield url
        return
    with psycopg.connect(server, autocommit=True) as link:
        if link.execute("select 1 from pg_database where datname = %s", [keep]).fetchone() is None:
            link.execute(sql.SQL("create database {}").format(sql.Identifier(keep)))
    yield urlsplit(server)._replace(path=f"/{keep}").geturl()


def the_class(learners: int, scores: int) -> Any:
    """Returns the class, which is made unless the database was kept with it."""
    from gradus.classes.models import Class

    return Class.objects.filter(title=TITLE).first() or fill(learners, scores)


def fill(learners: int, scores: int) -> Any:
    """Fills the tables with these numbers of learners and scores. Returns the class."""
    from django.db import connection, transaction
    from django.utils import timezone

    from benchmarks.web import seed
    from gradus.classes.models import Class, DateRule
    from gradus.courses.models import Challenge

    chosen = list(Challenge.objects.shown().order_by("lesson__position", "position"))
    chosen += [again(one, len(chosen)) for one in chosen[: CHALLENGES - len(chosen)]]
    steps = [number / 20 for number in range(21)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select setseed(0.5)")
        cursor.execute(seed.PEOPLE, {"people": learners})
        of_class = Class.objects.create(course=chosen[0].course, title=TITLE, timezone="Europe/Vienna")
        labels = [of_class.labels.create(name=name) for name in LABELS]
        cursor.execute(MEMBERS, {"class": of_class.pk})
        cursor.execute(MARKED, {"class": of_class.pk})
        for number, challenge in enumerate(chosen):
            due = timezone.now() - timedelta(days=2 * number)
            DateRule.objects.create(of_class=of_class, challenge=challenge, due_at=due, after=0.5)
            DateRule.objects.create(
                of_class=of_class, challenge=challenge, label=labels[2], due_at=due + timedelta(days=7)
            )
            key = {"challenge": challenge.pk, "version": challenge.version_id, "kind": challenge.kind}
            each = -(-scores // (learners * len(chosen)))
            payload = json.dumps(seed.PROMPT)
            cursor.execute(SUBMISSIONS, {**key, "payload": payload, "class": of_class.pk, "each": each})
            cursor.execute(seed.EVALUATIONS, {**key, "state": "scored", "lane": "grade", "attempt": 1})
        cursor.execute(seed.SCORES, {"steps": steps, "count": len(steps), "pass": 0.6, "gold": 0.9})
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    return of_class


def again(challenge: Any, further: int) -> Any:
    """Creates a copy of this challenge and returns it, because the built-in course has fewer challenges than needed."""
    from gradus.courses.models import Challenge, ChallengeVersion

    name = f"{challenge.name}-again"
    made = Challenge.objects.create(
        course=challenge.course, lesson=challenge.lesson, name=name, slug=name, position=challenge.position + further
    )
    version = ChallengeVersion.objects.get(pk=challenge.version_id)
    version.pk, version._state.adding, version.challenge = None, True, made
    version.save()
    Challenge.objects.filter(pk=made.pk).update(version=version)
    return Challenge.objects.shown().get(pk=made.pk)


def rebuild(of_class: Any) -> None:
    """Measures computing all cells, as after a change of the dates, and computing one cell, as after a grade."""
    from django.db import connection

    from gradus.gradebook import cells
    from gradus.gradebook.models import Cell
    from gradus.submissions.models import Score, Submission

    begin = time.perf_counter()
    cells.rebuild(of_class)
    took = time.perf_counter() - begin
    print(f"{Score.objects.count():,} scores become {Cell.objects.count():,} cells in {took:.1f} s", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    one = Submission.objects.order_by("pk").first()
    assert one is not None
    median = statistics.median(timed_ms(lambda: cells.update([one.user_id], one.challenge_id), 21))
    print(f"{'one cell, as with each grade':<46} median {median:7.1f} ms", flush=True)


def change(of_class: Any) -> None:
    """Measures a change of the points of the whole class: the request, and what the reconciler computes after it."""
    from gradus.classes import services
    from gradus.gradebook import recounts

    points = "pass" if of_class.points == "share" else "share"
    begin = time.perf_counter()
    services.change(of_class, by=the_teacher(), points=points)
    asked, cpu = time.perf_counter(), time.process_time()
    recounts.settle(of_class.pk)
    took, own = time.perf_counter() - asked, time.process_time() - cpu
    print(
        f"other points for all: {asked - begin:.2f} s in the request, then {took:.1f} s (own CPU {own:.1f} s)",
        flush=True,
    )


def the_teacher() -> Any:
    from gradus.accounts.models import User

    found = User.objects.filter(username="teacher").first()
    return found or User.objects.create_superuser(username="teacher", email="t@example.org", pseudonym="t")


def requests(of_class: Any) -> dict[str, tuple[float | None, Callable[[], object]]]:
    """Returns the requests to measure, by name. Each has a goal in ms, or None if no goal is set."""
    from django.test import Client

    client = Client(SERVER_NAME=stack.HOST)
    client.force_login(the_teacher(), backend="django.contrib.auth.backends.ModelBackend")
    base, api = f"/teach/classes/{of_class.pk}/grades/", f"/api/v1/classes/{of_class.pk}/grades"
    label = of_class.labels.first().pk

    def ask(path: str) -> Callable[[], object]:
        def get() -> None:
            answer = client.get(path, secure=True)
            assert answer.status_code == 200, (path, answer.status_code)

        return get

    pages = {
        "the first page, 50 learners": base,
        "a page in the middle": f"{base}?page=10",
        "a page of 100 learners": f"{base}?size=100",
        "a page of one label": f"{base}?label={label}",
        "a search": f"{base}?search=person+77",
    }
    files = {f"the file {name}": f"{base}{name}.csv" for name in ("canvas", "moodle", "wide", "long")}
    return {
        **{name: (PAGE_MS, ask(path)) for name, path in pages.items()},
        "50 learners by the API": (PAGE_MS, ask(f"{api}?size=50")),
        **{name: (FILE_MS, ask(path)) for name, path in files.items()},
        "how the class is doing": (None, ask(f"/teach/classes/{of_class.pk}/progress/")),
    }


def timed_ms(ask: Callable[[], object], times: int) -> list[float]:
    """Returns the milliseconds of each run in ascending order. A first run is not counted."""
    took = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        ask()
        took.append((time.perf_counter() - begin) * 1000)
    return sorted(took[1:])


def busy() -> str:
    """Returns a line with the load of the machine, without which the times cannot be judged."""
    one, five, _fifteen = os.getloadavg()
    return f"load {one:.1f} now, {five:.1f} in five minutes, on {os.cpu_count()} cores"


def measure(of_class: Any, times: int) -> bool:
    """Prints the times of each request. Returns True if all requests reach their goals."""
    met = True
    print(busy(), flush=True)
    for name, (goal, ask) in requests(of_class).items():
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
        folder = Path(left.enter_context(tempfile.TemporaryDirectory(prefix="gradus-gradebook-")))
        url = left.enter_context(database(left.enter_context(stack.server(given.database_server)), given.keep))
        os.environ.update(stack.environment(folder, url, ""))
        import django

        django.setup()
        logging.disable(logging.INFO)
        from django.db import connections

        from gradus.operations import first_start
        from gradus.operations.console import Console

        left.callback(connections.close_all)
        first_start.migrate()
        first_start.publish_course(Console(sys.stderr))
        of_class = the_class(given.learners, given.scores)
        rebuild(of_class)
        change(of_class)
        return 0 if measure(of_class, given.times) else 1


if __name__ == "__main__":
    raise SystemExit(main())
