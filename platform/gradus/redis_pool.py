"""Shares one pool of Redis connections among all requests of a process.

Django's cache creates a pool for each request, so that every request that uses the cache would open a new connection.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from redis import ConnectionPool


class SharedPool(ConnectionPool):
    """Returns from `from_url`, which Django calls to create a pool, the same pool each time for the same address."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> ConnectionPool:  # type: ignore[override]
        return _pool(url, tuple(sorted(options.items())))


@lru_cache(maxsize=8)
def _pool(url: str, options: tuple[tuple[str, Any], ...]) -> ConnectionPool:
    return ConnectionPool.from_url(url, **dict(options))
