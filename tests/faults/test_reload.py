"""The web server takes new code up (SIGHUP) while people use it."""

from __future__ import annotations

import json
import signal
import threading
from http.client import HTTPConnection, HTTPException

import pytest

from tests.faults.conftest import clean, drain
from tests.faults.servers import wait_until
from tests.faults.site import open_site

pytestmark = pytest.mark.slow


class Visitor(threading.Thread):
    """Asks for a page on a new connection each time, until told to end; keeps every failure."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port, self.ended = port, threading.Event()
        self.good, self.failures = 0, []

    def run(self) -> None:
        while not self.ended.is_set():
            link = HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                link.request("GET", "/api/v1/courses")
                answer = link.getresponse()
                json.loads(answer.read())
                if answer.status == 200:
                    self.good += 1
                else:
                    self.failures.append(answer.status)
            except (OSError, HTTPException, ValueError) as error:
                self.failures.append(repr(error))
            finally:
                link.close()


def test_no_request_fails_and_no_submission_is_lost_while_the_web_server_reloads(server):
    with open_site(server) as site:
        site.start(workers=1, reconcilers=1)
        port = site.start_web()
        before = children(site)
        visitors = [Visitor(port) for _ in range(2)]
        for visitor in visitors:
            visitor.start()
        try:
            keys = site.submit(learners=8, each=3, http=True)
            site.signal(role="web", number=signal.SIGHUP)
            wait_until(lambda: children(site) and not children(site) & before, 120, "the reload")
            good = sum(visitor.good for visitor in visitors)
            wait_until(lambda: sum(visitor.good for visitor in visitors) > good + 20, 60, "requests to the new one")
        finally:
            for visitor in visitors:
                visitor.ended.set()
                visitor.join(30)
        assert [visitor.failures for visitor in visitors] == [[], []]
        drain(site)
        counts = clean(site.history())
        assert counts["scored"] == counts["accepted"] == len(keys)
        site.close_web()


def children(site) -> set[int]:
    """The serving processes of the web server."""
    from tests.faults.family import parents

    (leader,) = site.signal(role="web", number=0)
    return {pid for pid, parent in parents() if parent == leader}
