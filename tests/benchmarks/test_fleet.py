"""The rehearsal of many machines, as far as it needs none: its proxy, its full disk and its report."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from benchmarks.fleet.proxy import Proxy
from gradus.operations import ports

FOUND = {
    "machine": "a machine",
    "setting": "Hosts.",
    "load": {
        "learners": 40, "seconds": 60.0, "think_s": [5.0, 15.0], "requests": 240, "per_second": 4.0, "p50_ms": 20.0,
        "p99_ms": 300.0, "submitted": 20, "submit_p99_ms": 200.0, "fivexx": 0, "failed": 0, "refused": 0,
        "cores": {"web1": 0.2, "web2": 0.3, "front": 0.01, "db": 0.1, "redis": 0.02, "store": 0.0},
        "load_before": 1.0, "load_after": 2.0,
    },
    "jobs_per_minute": {"1": 8.0, "2": 16.0, "3": 24.0},
    "item_s": 1.5,
    "real": None,
    "readers": 8,
    "faults": [{"fault": "none", "lasted_s": 0.0, "jobs": 12, "recovery_s": 30.0, "claims": 12, "wrong": [],
                "requests": 9, "failed_requests": 0}],
    "told": 20,
    "held": 20,
    "history": {"counts": {"accepted": 32, "scored": 32, "open": 0, "failed": 0}, "lost": [], "doubled": [],
                "broken": []},
}  # fmt: skip


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """In front of a server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def echo() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                while piece := link.recv(100):
                    link.sendall(piece)

    thread = threading.Thread(target=echo)
    thread.start()
    made = Proxy(("127.0.0.1", ports.any_free()), server.getsockname())
    made.begin()
    yield made
    made.end()
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_the_proxy_passes_on_and_breaks_connections(proxy: Proxy) -> None:
    with socket.create_connection(proxy.listen, timeout=10) as link:
        link.sendall(b"one")
        assert link.recv(100) == b"one"
    proxy.breaks = 1.0
    with socket.create_connection(proxy.listen, timeout=10) as link:
        link.sendall(b"two")
        assert link.recv(100) == b""
    assert proxy.broken == 1
