"""All that Gradus uses of Django without Django documenting it: how it answers requests and keeps languages.

Tried with django 5.2.19. `tests/structure/test_private_interfaces.py` fails when another release series is installed.

Django's own ASGI handler starts a thread, and with it a database connection, for each request, keeps both for as long
as a streamed response is open, and switches between thread and event loop for each middleware. `ThreadPoolHandler`
runs all middleware and the view of a request in one visit to one of a few threads, which live on and keep their
connections. Streamed responses occupy no thread and no connection: they run in the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from gettext import NullTranslations
from io import BytesIO
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import trans_real

from gradus.request_bodies import IncompleteBody, LimitedBody, MultipartReader, RefusedBody


def nothing() -> None:
    """Gives back a thread that nobody counts."""


class Request(ASGIRequest):
    """A request that says what was wrong with its body while it arrived."""

    body_problem: Exception | None = None

    def parse_file_upload(self, META: Mapping[str, Any], post_data: Any) -> Any:  # noqa: N803 (Django names it)
        """Parses a multipart body. Django's own parser would read one that broke off as a shorter one.

        Raises:
            RefusedBody: what `MultipartReader.check` finds.
        """
        reader: Any = MultipartReader(post_data, (self.content_params or {}).get("boundary", ""))
        parsed = super().parse_file_upload(META, reader)
        reader.check()
        return parsed


class ThreadPoolHandler(ASGIHandler):
    """`at_once` is asked before a request waits for a thread, with its address and the seconds that the oldest one has
    waited. A response of it is sent without a thread. Then `enter` waits until the request's sender may have a thread,
    and returns what gives it back, or the response if the sender may have none.
    """

    request_class = Request

    def __init__(
        self,
        threads: int,
        body_seconds: float | None = None,
        at_once: Callable[[str, float], HttpResponse | None] | None = None,
        enter: Callable[[HttpRequest], Awaitable[Callable[[], None] | HttpResponse]] | None = None,
    ) -> None:
        BaseHandler.__init__(self)
        self.body_seconds = body_seconds
        self.at_once = at_once
        # When the requests came that have no thread yet, in their order.
        self.waiting: dict[object, float] = {}
        self.load_middleware(is_async=False)
        self.enter = enter
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._answer = sync_to_async(self._begin, thread_sensitive=False, executor=self.threads)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Only HTTP is served here, not {scope['type']}.")
        body = LimitedBody(scope, receive, self.body_seconds)
        try:
            await self.handle(scope, body, send)
        except RefusedBody as wrong:
            await self._refuse(scope, send, wrong)
        finally:
            # Django leaves it open where the server stops in the middle of a stream.
            if body.file is not None:
                body.file.close()

    async def read_body(self, receive: Any) -> Any:
        """Reads a `LimitedBody`, or raises `RefusedBody`. Django would send no answer to a body that breaks off."""
        try:
            receive.file = await super().read_body(receive)
        except RequestAborted:
            raise receive.refused or IncompleteBody from None
        return receive.file

    async def _refuse(self, scope: Any, send: Any, wrong: Exception) -> None:
        """Sends the refusal through all middleware, so that it is logged and has the usual headers."""
        request, refusal = self.create_request(scope, BytesIO())
        if isinstance(request, Request):
            request.body_problem = wrong
            await self.send_response(await self.get_response_async(request), send)
        elif refusal is not None:
            await self.send_response(refusal, send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        if self.at_once is not None and (response := self.at_once(request.path_info, self.oldest_seconds())):
            return response
        leave = nothing if self.enter is None else await self.enter(request)
        if isinstance(leave, HttpResponse):
            return leave
        mine = object()
        self.waiting[mine] = time.monotonic()
        soon = partial(asyncio.get_running_loop().call_soon_threadsafe, leave)
        try:
            return await self._answer(request, mine, soon)
        finally:
            # It is there still if the browser has gone before a thread was free.
            if self.waiting.pop(mine, None) is not None:
                leave()

    def oldest_seconds(self) -> float:
        """Returns how long the oldest request has waited for a thread, and 0 if none waits."""
        came = list(self.waiting.values())
        return time.monotonic() - came[0] if came else 0.0

    def _begin(self, request: HttpRequest, waited: object, leave: Callable[[], object]) -> HttpResponseBase:
        """Leaves when the thread is free, which may be long after the browser has gone."""
        if self.waiting.pop(waited, None) is None:
            raise RequestAborted
        try:
            return self._in_thread(request)
        finally:
            # The event loop may have been closed meanwhile.
            with suppress(RuntimeError):
                leave()

    def _in_thread(self, request: HttpRequest) -> HttpResponseBase:
        """Closes stale connections in this thread, because the request's own signals are sent in another one."""
        close_old_connections()
        try:
            return self.get_response(request)
        finally:
            close_old_connections()


def is_asynchronous(request: HttpRequest) -> bool:
    """Returns True if an ASGI server asks, which reads an asynchronous stream piece by piece, and no other stream."""
    return isinstance(request, ASGIRequest)


def without_log(response: HttpResponse) -> HttpResponse:
    """Returns the response of an error that has its line in the log already. Django would add one with a traceback."""
    vars(response)["_has_been_logged"] = True
    return response


def delete_without_signals(rows: QuerySet[Any]) -> None:
    """Deletes the rows with one statement: no signals, no cascade, no loading of related rows."""
    rows._raw_delete(rows.db)


def add_language(code: str, translation: NullTranslations) -> None:
    """Lets Django translate into a language without a catalogue, by an object that has a method `to_language`."""
    known: dict[str, NullTranslations] = vars(trans_real)["_translations"]
    known[code] = translation
