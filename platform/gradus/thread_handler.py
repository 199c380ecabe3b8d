"""Middleware and view of a request run in one visit to one of a few threads.

Django's own handler makes a thread, and with it a database connection, for each request, holds both for as long as a
stream is open, and goes to the thread and back for each middleware. Here threads stay, and their connections with
them. Streams hold neither: they run in the event loop.
"""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponseBase

from gradus.truncated_bodies import Request


class BrokenOff(Exception):
    """A body ended before it was complete, or cannot be read: a chunk without a proper size, a lost connection."""


class Handler(ASGIHandler):
    request_class = Request

    def __init__(self, threads: int) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._answer = sync_to_async(self._in_thread, thread_sensitive=False, executor=self.threads)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"HTTP only, not {scope['type']}")
        try:
            await self.handle(scope, receive, send)
        except BrokenOff:
            await self._refuse(scope, send)

    async def read_body(self, receive: Any) -> Any:
        """Django would leave without an answer, for which the server says 500 to a client that still listens."""
        try:
            return await super().read_body(receive)
        except RequestAborted:
            raise BrokenOff from None

    async def _refuse(self, scope: Any, send: Any) -> None:
        """Through all middleware, so that the refusal is logged and has the usual headers."""
        request, refusal = self.create_request(scope, BytesIO())
        if isinstance(request, Request):
            request.is_complete = False
            await self.send_response(await self.get_response_async(request), send)
        elif refusal is not None:
            await self.send_response(refusal, send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await self._answer(request)

    def _in_thread(self, request: HttpRequest) -> HttpResponseBase:
        """Connections are looked after here: the signals around a request are sent in another thread."""
        close_old_connections()
        try:
            return self.get_response(request)
        finally:
            close_old_connections()
