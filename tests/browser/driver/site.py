"""Runs the site on a real ASGI server in a thread of this process, so that it uses the test's database and stores."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from gradus.django_internals import ThreadPoolHandler
from gradus.static_files import serve_static_files
from tests.waiting import PATIENCE_SECONDS, wait_until


@contextmanager
def running(static: Path | None = None) -> Iterator[str]:
    """Runs the site while the context lasts, and yields its address. Events stream as in production.

    `static` is the folder of collected static files; without it, the files of the source are served.
    """
    site = Site(static or settings.BASE_DIR / "static")
    site.start()
    try:
        wait_for(site.port)
        yield f"http://127.0.0.1:{site.port}"
    finally:
        site.stop()


class Site(threading.Thread):
    """The thread of the server, with its own event loop, because the browser's loop runs in the main thread."""

    def __init__(self, static: Path) -> None:
        super().__init__(name="site")
        self.port, self.static = free_port(), static
        self._stop_serving: Callable[[], object] = lambda: None

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        server = Server(
            serve_static_files(ThreadPoolHandler(settings.WEB_THREADS), self.static),
            port=self.port,
            interface=Interfaces.ASGINL,
            websockets=False,
            log_level=LogLevels.error,
        )
        loop = asyncio.get_running_loop()
        self._stop_serving = lambda: loop.call_soon_threadsafe(server.stop)
        await server.serve()

    def stop(self) -> None:
        self._stop_serving()
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Waits until a server listens on the port."""
    wait_until(lambda: listens(port))


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
