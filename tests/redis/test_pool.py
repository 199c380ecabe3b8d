"""Requests share connections to Redis: Django makes a cache object, and with it a pool, for each of them."""

from __future__ import annotations

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.test.utils import override_settings

OPTIONS = {"pool_class": "gradus.redis_pool.SharedPool"}


def test_requests_one_after_another_use_one_connection(connect, broker_url: str) -> None:
    client = connect(broker_url)
    location = broker_url.replace("redis+socket://", "unix://")
    setting = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": location, "OPTIONS": OPTIONS}
    with override_settings(CACHES={"default": setting}):
        before = client.info("stats")["total_connections_received"]
        for number in range(5):
            request = caches.create_connection("default")
            assert isinstance(request, RedisCache)
            request.set("number", number)
            assert request.get("number") == number
        assert client.info("stats")["total_connections_received"] == before + 1
