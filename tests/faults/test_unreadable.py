"""Values that PostgreSQL stores and Python does not read, with all processes of a site: each stops only its own row."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from http.client import HTTPConnection

import psycopg
import pytest

from tests.faults import visitors
from tests.faults.site import Site, open_site
from tests.submissions.test_unreadable_json import DIGITS
from tests.waiting import wait_until

pytestmark = pytest.mark.postgres
STREAMS = 7
DEEP = "[" * 5000 + "]" * 5000
COLUMNS = {"trained": "submissions_evaluation", "data": "submissions_event"}


@pytest.fixture(scope="module")
def site(postgres_url: str) -> Iterator[Site]:
    """A site with one worker and one reconciler."""
    with open_site(postgres_url, lease=60) as site:
        site.start(workers=1, reconcilers=1)
        yield site


@pytest.fixture
def link(site: Site) -> Iterator[psycopg.Connection]:
    with psycopg.connect(site.env["DATABASE_URL"], autocommit=True) as link:
        yield link


def stored(link: psycopg.Connection, column: str) -> list[tuple[int, str]]:
    """The keys of the rows with a long value in this column, each with the digest of the value."""
    table = COLUMNS[column]
    query = f"SELECT id, md5({column}::text) FROM {table} WHERE length({column}::text) >= 5000 ORDER BY id"
    return link.execute(query).fetchall()


def test_a_worker_and_six_streams_go_on_while_the_seventh_job_cannot_be_read(
    site: Site, link: psycopg.Connection
) -> None:
    (worker,) = site.signal(role="worker", number=signal.SIGSTOP)
    tokens, port = site.learners(count=STREAMS), site.start_web()
    attempts = [visitors.submit(port, token, "calm") for token in tokens]
    readers = [visitors.Reader(port, *both) for both in zip(tokens, attempts, strict=True)]
    current = """SELECT submissions_evaluation.id FROM submissions_evaluation
        JOIN submissions_submission ON submissions_submission.id = submission_id WHERE uuid = %s"""
    ((evaluation,),) = link.execute(current, [attempts[0]]).fetchall()
    link.execute("UPDATE submissions_evaluation SET trained = %s WHERE id = %s", [DEEP, evaluation])
    for reader in readers:
        reader.start()
    query = "INSERT INTO submissions_event (evaluation_id, seq, type, data, created_at) VALUES (%s, %s, %s, %s, now())"
    for number, data in ((1, DIGITS), (2, DEEP)):
        link.execute(query, [evaluation, number, "progress", data])
    before = [stored(link, column) for column in ("trained", "data")]
    wait_until(lambda: len(readers[0].events) == 2)
    site.signal_one(pid=worker, number=signal.SIGCONT)
    for reader in readers:
        reader.join(60)

    events = site.events()
    for number, (attempt, reader) in enumerate(zip(attempts, readers, strict=True)):
        unreadable = [[1, "unreadable"], [2, "unreadable"]] if number == 0 else []
        assert reader.events == unreadable + events[attempt][len(unreadable) :] and reader.events[-1][1] == "finished"
        assert (reader.failures, reader.breaks) == ([], 0)
        assert answer(port, tokens[number], attempt)["status"] == "scored"
    assert [stored(link, column) for column in ("trained", "data")] == before
    assert site.signal(role="worker", number=0) == [worker], "another worker took over"


def answer(port: int, token: str, submission: str) -> dict[str, object]:
    link = HTTPConnection("127.0.0.1", port, timeout=visitors.SECONDS)
    link.request("GET", f"/api/v1/submissions/{submission}", headers={"Authorization": f"Bearer {token}"})
    response = link.getresponse()
    found: dict[str, object] = json.loads(response.read())
    link.close()
    assert response.status == 200, found
    return found
