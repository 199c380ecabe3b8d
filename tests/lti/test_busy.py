"""New launches are put off while requests wait for long; whatever has begun goes on."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from gradus.django_internals import ThreadPoolHandler
from gradus.lti import busy

GO, BEGAN = threading.Event(), threading.Event()


def slow(request: HttpRequest) -> HttpResponse:
    BEGAN.set()
    assert GO.wait(30)
    return HttpResponse("done")


urlpatterns = [path("slow", slow)]


def communicator(handler: ThreadPoolHandler, address: str) -> ApplicationCommunicator:
    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": address, "headers": headers, "query_string": b""}
    return ApplicationCommunicator(handler, scope)


def test_a_new_launch_is_put_off_and_nothing_else_is() -> None:
    found = busy.answer("/lti/login", busy.WAITS_SECONDS + 1)
    assert found is not None and (found.status_code, found["Retry-After"]) == (503, "60")
    page = found.content.decode()
    assert "Open the link on your platform again in a minute" in page and "database" not in page
    assert busy.answer("/lti/login", busy.WAITS_SECONDS - 1) is None
    for address in ("/lti/launch", "/lti/enter", "/lti/keys.json", "/", "/lti/login/x"):
        assert busy.answer(address, 100.0) is None


# Django closes old connections when a request begins, also one that an earlier test has left open.
@pytest.mark.django_db
@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[])
def test_the_oldest_request_that_waits_for_a_thread_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    GO.clear()
    BEGAN.clear()
    asked: list[tuple[str, float]] = []

    def at_once(address: str, waits: float) -> HttpResponse | None:
        asked.append((address, waits))
        return HttpResponse("later", status=503) if address == "/begin" and waits > 1 else None

    handler = ThreadPoolHandler(1, at_once=at_once)

    async def crowd() -> list[int]:
        open_ones = [communicator(handler, "/slow") for _ in range(3)]
        for one in open_ones:
            await one.send_input({"type": "http.request", "body": b""})
        while not BEGAN.is_set() or len(handler.waiting) < 2:
            assert not any(one.future.done() for one in open_ones)
            await asyncio.sleep(0)
        # One has the only thread, and two wait: as if for ten seconds.
        for key in list(handler.waiting):
            handler.waiting[key] = time.monotonic() - 10
        last = communicator(handler, "/begin")
        await last.send_input({"type": "http.request", "body": b""})
        found = [(await last.receive_output(10))["status"]]
        # A browser that has gone waits no more.
        gone = open_ones.pop()
        gone.stop()
        GO.set()
        for one in open_ones:
            found.append((await one.receive_output(10))["status"])
        while handler.waiting:
            await asyncio.sleep(0)
        return found

    assert async_to_sync(crowd)() == [503, 200, 200]
    assert asked[-1][0] == "/begin" and 9 < asked[-1][1] < 60 and handler.oldest_seconds() == 0.0
