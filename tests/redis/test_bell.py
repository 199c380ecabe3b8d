"""The bell over a real broker: it carries nothing, a worker hears it, and nothing is lost without it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db import connection
from kombu.utils import functional
from redis import retry
from redis.client import Monitor

from gradus import celery as gradus_celery
from gradus.operations import programs
from gradus.submissions import queue
from tests import factories
from tests.redis.conftest import embedded
from tests.waiting import wait_until
from tests.workers.test_work import TableRunner
from workers import status
from workers.work import Worker

MODEL = "smollm2-135m-instruct"
# Importing all of it takes a while on a busy machine.
END_SECONDS = 10
# A learner who submits waits for the bell.
RING_SECONDS = 3


def test_a_ring_lies_on_the_queue_of_its_lane_and_carries_nothing(connect, broker_url):
    client = connect(broker_url)
    assert queue.ring("grade")

    assert (client.llen("grade"), client.llen("train")) == (1, 0)
    message = json.loads(client.lindex("grade", 0))
    assert message["headers"]["task"] == "workers.ring"
    assert (message["headers"]["argsrepr"], message["headers"]["kwargsrepr"]) == ("()", "{}")
    assert message["headers"]["expires"]


@pytest.mark.django_db(transaction=True)
def test_a_submit_rings_its_lane_once(ada, course, connect, broker_url):
    client = connect(broker_url)
    factories.submit(ada)
    factories.submit(ada, payload=factories.LORA)

    assert (client.llen("grade"), client.llen("train"), client.llen("judge")) == (1, 1, 0)


# `tests/faults/test_broker.py` has a Celery worker at the embedded broker.
@pytest.mark.parametrize(
    "broker_url",
    [pytest.param("embedded", marks=pytest.mark.slow), pytest.param("server", marks=pytest.mark.redis)],
    indirect=True,
)
@pytest.mark.django_db(transaction=True)
def test_a_celery_worker_hears_and_grades(ada, course, connect, broker_url, tmp_path):
    connect(broker_url)
    with celery_worker(broker_url, tmp_path):
        submissions = [factories.submit(ada) for _ in range(2)]
        wait_until(lambda: all(not one.current.is_open for one in submissions))

    assert [one.current.state for one in submissions] == ["scored", "scored"]
    assert [one.current.score.shown for one in submissions] == [1.0, 1.0]


@contextmanager
def celery_worker(url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real one on the test's database and stores, with a runner that answers from a table."""
    model = folder / "models" / MODEL
    model.mkdir(parents=True)
    (model / "digest.txt").write_text("d" * 64)
    assert connection.vendor == "sqlite"
    env = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "GRADUS_DATA_DIR": str(folder),
        "PYTHONPATH": os.pathsep.join(map(str, (site.BASE_DIR / "platform", site.BASE_DIR))),
        "REDIS_URL": url,
    }
    argv = (*programs.celery_worker("grade"), "-P", "solo", "-I", "tests.redis.table_worker")
    with subprocess.Popen(argv, cwd=site.BASE_DIR, env=env) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.mark.django_db(transaction=True)
def test_a_worker_publishes_nothing_and_ends_though_its_broker_is_gone(connect, tmp_path):
    with embedded() as (url, process), connect(url).monitor() as monitor, celery_worker(url, tmp_path) as worker:
        asked = [entry["command"].split()[0] for entry in until_it_waits(monitor)]
        process.kill()
        process.wait(END_SECONDS)
        worker.terminate()
        assert worker.wait(END_SECONDS) == 0
    # What is published is tried again for ever, and a worker that does so hears no signal.
    assert "PUBLISH" not in asked


def until_it_waits(monitor: Monitor) -> Iterator[dict[str, str]]:
    """What a worker asks of its broker from its start to its wait for a ring."""
    while (entry := monitor.next_command())["command"].split()[0] != "BRPOP":
        yield entry


def test_a_broker_that_is_gone_is_given_up_soon(connect, monkeypatch):
    """By the seconds that are asked for: of pauses before another try, and for a host that does not answer."""
    pauses: list[float] = []
    for client in (functional, retry):
        monkeypatch.setattr(client, "sleep", pauses.append)
    with embedded() as (url, process):
        connect(url)
        assert queue.ring("grade")
        process.kill()
        process.wait(END_SECONDS)
        # The first ring loses the connection that it had; the second has to make one.
        for _ in range(2):
            pauses.clear()
            assert not queue.ring("grade")
            connecting = gradus_celery.app.conf.broker_transport_options["socket_connect_timeout"]
            assert connecting + sum(pauses) < RING_SECONDS


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_dies_stops_neither_submit_nor_grading(ada, course, connect, monkeypatch):
    monkeypatch.setattr(status, "digests", lambda: {MODEL: "d" * 64})
    with embedded() as (url, process):
        connect(url)
        assert queue.ring("grade")
        process.kill()
        process.wait(END_SECONDS)
        assert not queue.ring("grade")
        submission = factories.submit(ada)

    assert submission.current.state == "queued"
    assert Worker("grade", runner=TableRunner()).step()
    assert submission.current.state == "scored"
