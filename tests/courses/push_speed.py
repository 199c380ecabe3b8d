"""Measures `gradus course push` of a large course on the loopback: `pytest -q tests/courses/push_speed.py`.

The course has 110 challenges in ten lessons, in 1,011 files that are all read. It is pushed and published, and then
pushed five times more, each time with another statement of one challenge. Client and site share one process, so the
seconds of CPU are those of both. The site checks the course as lint does; the author's own lint is timed beside it.
`DATABASE_URL` names a PostgreSQL where it is not to be SQLite; `--create-db` goes with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from challenges.lint.run import inspect
from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses import publishing
from tests.cli.conftest import Gradus
from tests.courses.large import change, write_large_course

pytest_plugins = ["tests.cli.conftest"]
CHALLENGES, PUSHES = 110, 5


class Took(NamedTuple):
    """Seconds by the clock and of CPU."""

    clock: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.clock:.2f} s, CPU {self.cpu:.2f} s"


def timed(work: Callable[[], Any]) -> Took:
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - clock, time.process_time() - cpu)


@pytest.mark.django_db(transaction=True)
def test_speed(
    gradus: Gradus, home: Path, ada: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    User.objects.filter(pk=ada.pk).update(may_create_courses=True)
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "push", Scope(Content.OWNER, LearnerData.EDITOR))[1])
    folder = write_large_course(home / "work" / "tiny", CHALLENGES)
    queries: list[int] = []
    push = publishing.push

    def counted(*given: Any, **more: Any) -> publishing.Pushed:
        with CaptureQueriesContext(connection) as asked:
            done = push(*given, **more)
        queries.append(len(asked))
        return done

    def run(*words: str) -> None:
        done = gradus("course", *words)
        assert done.exit_code == 0, done.output

    def pushed() -> Took:
        return timed(lambda: run("push", str(folder), "--no-lint"))

    monkeypatch.setattr(publishing, "push", counted)
    first = pushed()
    run("publish", str(folder), "--all-unverified")
    lints, later = [], []
    for number in range(PUSHES):
        change(folder / "lesson-0" / f"c{number}", number + 1)
        lints.append(timed(lambda: inspect(folder)))
        later.append(pushed())
    with capsys.disabled():
        files = sum(path.is_file() for path in folder.rglob("*"))
        print(f"\n{connection.vendor}: {files:,} files, {CHALLENGES} challenges")
        print(f"first push: {first}, {queries[0]} queries")
        print(f"later push, median of {PUSHES}: {middle(later)}, {max(queries[1:])} queries at most")
        print(f"lint, median of {PUSHES}: {middle(lints)}")


def middle(found: list[Took]) -> Took:
    return Took(median(one.clock for one in found), median(one.cpu for one in found))
