"""One pool of connections to Redis in a process.

Django's cache keeps a pool for each request's context, so that every request that asks the cache would connect anew.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from redis import ConnectionPool


class SharedPool(ConnectionPool):
    """`from_url`, which is how Django makes its pools, gives the same one for the same address."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> ConnectionPool:  # type: ignore[override]
        return _pool(url, tuple(sorted(options.items())))


@lru_cache(maxsize=8)
def _pool(url: str, options: tuple[tuple[str, Any], ...]) -> ConnectionPool:
    return ConnectionPool.from_url(url, **dict(options))
