"""The whole site in this process and in the test's own transaction; each call leaves everything as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse


class Site(WSGIHandler):
    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        # The client of the fuzzer asks for gzip and does not unpack it in process.
        given = {"REMOTE_ADDR": "127.0.0.1", **environ, "HTTP_ACCEPT_ENCODING": "identity"}
        return super().__call__(given, start_response)

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        cache.clear()
        with transaction.atomic():
            response = super().get_response(request)
            if isinstance(response, StreamingHttpResponse):
                response = beginning(response) if response.is_async else whole(response)
            transaction.set_rollback(True)
        return response


def beginning(response: StreamingHttpResponse) -> HttpResponse:
    """A stream cut off after its first words: what is still open would never end."""

    @async_to_sync
    async def first(parts: AsyncIterator[bytes]) -> bytes:
        async for part in parts:
            return part
        return b""

    words = first(response.streaming_content)  # type: ignore[arg-type]
    cut = HttpResponse(words, status=response.status_code, headers=dict(response.headers))
    response.close()
    return cut


def whole(response: StreamingHttpResponse) -> HttpResponse:
    """A file in one piece. The client of the fuzzer does not close it."""
    read = HttpResponse(response.getvalue(), status=response.status_code, headers=dict(response.headers))
    response.close()
    return read


def in_this_thread(look: Callable[..., Any], *, thread_sensitive: bool) -> Callable[..., Any]:
    """For `sync_to_async` of the watch: another thread would not see the transaction."""
    return sync_to_async(look)


@contextmanager
def open_connections() -> Iterator[None]:
    """Django closes a connection around each request, and with it the transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)
