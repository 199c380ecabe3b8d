"""The cache that all processes share, in Redis. No page depends on it: while Redis fails, every look-up is a miss.

Rate limits, and the codes of a second factor that were used already, must still hold then. allauth keeps both in the
cache, so keys that begin with its name are kept in the database meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.redis import RedisCache
from django.utils.crypto import salted_hmac
from redis import ConnectionPool, RedisError

log = structlog.get_logger(__name__)
# The table of `accounts.models.LimitCount`, and how the keys begin that are kept there while Redis is away.
TABLE, LIMITS = "accounts_limitcount", "allauth"
# Django deletes counts that have expired, and then a third of all counts, when there are more than this.
MOST_COUNTS = 100_000
# How long Redis is not asked again after it has failed, in seconds.
PAUSE_SECONDS = 5.0


class SharedPool(ConnectionPool):
    """Returns from `from_url`, which Django calls to create a pool, the same pool each time for the same address.

    Django's cache creates a pool for each request, so that every request that uses the cache would open a new
    connection.
    """

    @classmethod
    def from_url(cls, url: str, **options: Any) -> ConnectionPool:  # type: ignore[override]
        return _pool(url, tuple(sorted(options.items())))


@lru_cache(maxsize=8)
def _pool(url: str, options: tuple[tuple[str, Any], ...]) -> ConnectionPool:
    return ConnectionPool.from_url(url, **dict(options))


@dataclass
class Health:
    """Whether the servers of a cache answer, as this process knows it. Only a change is logged."""

    is_away: bool = False
    asked_again: float = 0.0

    def may_ask(self) -> bool:
        return not self.is_away or time.monotonic() >= self.asked_again

    def failed(self, error: RedisError) -> None:
        if not self.is_away:
            log.warning("cache_away", reason=f"{type(error).__name__}: {error}")
        self.is_away, self.asked_again = True, time.monotonic() + PAUSE_SECONDS

    def answered(self) -> None:
        if self.is_away:
            log.warning("cache_back")
        self.is_away = False


@lru_cache(maxsize=8)
def health_of(servers: str) -> Health:
    """Returns the health that all cache objects of this process with these servers share."""
    return Health()


def hashed(key: str, prefix: str, version: int) -> str:
    """Makes the key of a count in the database. allauth's own keys contain addresses of visitors."""
    return salted_hmac("gradus.limits", f"{prefix}:{version}:{key}", algorithm="sha256").hexdigest()


class Cache(RedisCache):
    """Django's cache in Redis. While Redis fails, rate limits are counted in the database, and all else is a miss."""

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.health = health_of(str(server))
        own = {**params, "OPTIONS": {"MAX_ENTRIES": MOST_COUNTS}, "KEY_FUNCTION": hashed}
        self.counts, self.nothing = DatabaseCache(TABLE, own), DummyCache("", {})

    def _ask(self, method: str, key: str | Iterable[str] | None, *given: Any) -> Any:
        """Calls a method of Django's cache in Redis, or of what takes its place for this key."""
        arguments = given if key is None else (key, *given)
        if self.health.may_ask():
            try:
                answer = getattr(super(), method)(*arguments)
            except RedisError as error:
                self.health.failed(error)
            else:
                self.health.answered()
                return answer
        instead: BaseCache = self.counts if isinstance(key, str) and key.startswith(LIMITS) else self.nothing
        return getattr(instead, method)(*arguments)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._ask("add", key, value, timeout, version))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._ask("get", key, default, version)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._ask("set", key, value, timeout, version)

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._ask("touch", key, timeout, version))

    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(self._ask("delete", key, version))

    def has_key(self, key: str, version: int | None = None) -> bool:
        return bool(self._ask("has_key", key, version))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return int(self._ask("incr", key, delta, version))

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        return dict(self._ask("get_many", list(keys), version))

    def set_many(self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[str]:
        return list(self._ask("set_many", data, timeout, version))

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        self._ask("delete_many", list(keys), version)

    def clear(self) -> None:
        self._ask("clear", None)
