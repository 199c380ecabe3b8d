"""Requests share connections to Redis: Django makes a cache object, and with it a pool, for each of them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.test.utils import override_settings

from gradus import redis_cache
from gradus.operations import broker
from tests.redis.conftest import embedded
from tests.waiting import PATIENCE_SECONDS, wait_until

OPTIONS = {"pool_class": "gradus.redis_cache.SharedPool"}


def test_requests_one_after_another_use_one_connection(connect, broker_url: str) -> None:
    client = connect(broker_url)
    location = broker_url.replace("redis+socket://", "unix://")
    setting = {"BACKEND": "gradus.redis_cache.Cache", "LOCATION": location, "OPTIONS": OPTIONS}
    with override_settings(CACHES={"default": setting}):
        before = client.info("stats")["total_connections_received"]
        for number in range(5):
            request = caches.create_connection("default")
            assert isinstance(request, RedisCache)
            request.set("number", number)
            assert request.get("number") == number
        assert client.info("stats")["total_connections_received"] == before + 1


def test_a_cache_that_comes_back_is_used_again(db, monkeypatch, caplog) -> None:
    monkeypatch.setattr(redis_cache, "PAUSE_SECONDS", 0.0)
    with embedded() as (url, first):
        path = url.removeprefix("redis+socket://")
        setting = {"BACKEND": "gradus.redis_cache.Cache", "LOCATION": f"unix://{path}", "OPTIONS": OPTIONS}
        with override_settings(CACHES={"default": setting}):
            one = caches.create_connection("default")
            one.set("number", 1)
            first.kill()
            first.wait(PATIENCE_SECONDS)
            assert [one.get("number", "gone") for _ in range(3)] == ["gone"] * 3
            program = broker.program(Path(path))
            with subprocess.Popen(program.argv, stdout=subprocess.DEVNULL) as second:
                try:
                    wait_until(lambda: broker.answers(Path(path)))
                    one.set("number", 2)
                    assert one.get("number") == 2
                finally:
                    second.kill()
    assert [caplog.text.count(event) for event in ("cache_away", "cache_back")] == [1, 1]


def test_a_cache_that_has_failed_is_not_asked_for_a_while(db, monkeypatch) -> None:
    health = redis_cache.Health()
    health.failed(redis_cache.RedisError("gone"))
    assert not health.may_ask()
    health.asked_again = time.monotonic()
    assert health.may_ask()
