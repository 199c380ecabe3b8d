"""A broker: the one that comes with pip, and a Redis server where one is named."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from celery import Celery
from kombu import pools

from gradus import celery as gradus_celery
from gradus.operations import broker
from tests.waiting import wait_until

# Longer than a worker's start on a busy machine.
SILENT_SECONDS = 90


@contextmanager
def embedded() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """As `make up` starts it."""
    with broker.temporary_socket_path() as path:
        try:
            program = broker.program(path)
        except broker.NoBrokerError as reason:
            pytest.skip(str(reason))
        with subprocess.Popen(program.argv, stdout=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: broker.answers(path))
                yield broker.url(path), process
            finally:
                process.kill()


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.redis)])
def broker_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "server":
        yield request.getfixturevalue("redis_url")
        return
    with embedded() as (url, _):
        yield url


@pytest.fixture
def connect(settings, monkeypatch) -> Iterator[Callable[[str], redis.Redis]]:
    """`connect(url)` points the site's bell at a broker, and gives a client of the emptied broker."""
    opened: list[tuple[Celery, redis.Redis]] = []

    def connect(url: str) -> redis.Redis:
        app = Celery("gradus", set_as_current=False)
        # Celery keeps the addresses to read and write apart once it has connected, as another test may have.
        addresses = dict.fromkeys(("broker_url", "broker_read_url", "broker_write_url"), url)
        app.conf.update({**gradus_celery.app.conf.changes, **addresses})
        monkeypatch.setattr(gradus_celery, "app", app)
        settings.REDIS_URL = url
        client = redis.Redis.from_url(url.replace("redis+socket://", "unix://"), socket_timeout=SILENT_SECONDS)
        client.flushdb()
        opened.append((app, client))
        return client

    yield connect
    for app, client in opened:
        forget(app)
        client.close()


def forget(app: Celery) -> None:
    """Closes its connections. kombu keeps its pools for each address, and would hand the closed ones out again."""
    address = app.connection_for_write()
    app.amqp.producer_pool.force_close_all()
    app.pool.force_close_all()
    del pools.producers[address]
    del pools.connections[address]
    app.close()
