"""The broker is killed, emptied or unreachable while a real Celery worker and a reconciler run."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import redis

from gradus.operations import programs
from tests.faults.conftest import clean, drain
from tests.faults.servers import Broker, own_broker
from tests.faults.site import ROOT, Site, open_site

AWAY_SECONDS = 15.0


@pytest.fixture(scope="module")
def rung() -> Iterator[tuple[Site, Broker]]:
    """A site with a Celery worker as `make up` starts it and a reconciler; no worker polls the database."""
    with own_broker() as broker, open_site(REDIS_URL=broker.url) as site:
        site.start(workers=0, reconcilers=1)
        with celery(site):
            yield site, broker


@contextmanager
def celery(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    argv = (*programs.celery_worker("grade"), "-I", "tests.faults.celery_worker")
    with (site.folder / "celery-log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=ROOT, env=site.env, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def site(rung) -> Site:
    rung[0].forget()
    return rung[0]


@pytest.fixture
def broker(rung) -> Broker:
    return rung[1]


def client(broker: Broker) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(broker.path))


def all_scored(site: Site, count: int) -> None:
    drain(site, 180)
    counts = clean(site.history())
    assert counts["scored"] == counts["accepted"] == count


def test_a_broker_that_is_killed_while_work_waits(site, broker):
    site.submit(learners=2, each=2, word="slow")
    assert site.wait_for(seconds=90, state="running")
    broker.kill()
    broker.start()
    all_scored(site, 4)


@pytest.mark.slow
def test_a_broker_that_is_emptied(site, broker):
    site.submit(learners=3, each=2)
    assert site.wait_for(seconds=90, fence__gte=1)
    client(broker).flushall()
    all_scored(site, 6)


@pytest.mark.slow
def test_a_broker_that_is_away_for_long(site, broker):
    """The broker is unreachable for 15 seconds; a longer time makes no difference."""
    broker.kill()
    site.submit(learners=3, each=1)
    assert not site.drain(seconds=AWAY_SECONDS)["drained"]
    assert site.history()["counts"]["accepted"] == 3
    broker.start()
    all_scored(site, 3)


def test_a_hundred_bells_for_one_submission_grade_it_once(site, broker):
    site.submit(learners=1, each=1, word="slow")
    site.ring(times=100)
    all_scored(site, 1)
    assert [(row["attempt"], row["fence"]) for row in site.evaluations()] == [(1, 1)]


def test_a_deploy_of_a_celery_worker_gives_its_job_back_and_counts_no_attempt():
    with own_broker() as broker, open_site(lease=60, heartbeat=5, REDIS_URL=broker.url) as site:
        site.start(workers=0, reconcilers=1)
        with celery(site) as old:
            site.submit(learners=1, each=1, word="slow slow")
            assert site.wait_for(seconds=60, state="running")
            old.terminate()
            old.wait(30)
        (row,) = site.evaluations()
        assert (row["state"], row["attempt"], row["fence"]) == ("queued", 0, 1)
        with celery(site):
            all_scored(site, 1)
        assert site.evaluations()[0]["attempt"] == 1
