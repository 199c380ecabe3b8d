"""Visitors of a site in the fault tests, each a thread: some request pages, others follow a submission's events."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from tests import factories
from tests.faults.clients import CHALLENGE

SECONDS = 20


def submit(port: int, token: str, word: str) -> str:
    """Submits over HTTP and returns the id of the submission."""
    link = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    payload = json.dumps({**factories.PROMPT, "instructions": word})
    link.request("POST", f"/api/v1/challenges/{CHALLENGE}/submissions", payload, headers)
    answer = link.getresponse()
    found: dict[str, Any] = json.loads(answer.read())
    link.close()
    assert answer.status == 201, found
    return str(found["uuid"])


class Visitor(threading.Thread):
    """Requests a page again and again, each time on a new connection, until it is ended; collects all failures."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.ended = port, threading.Event()
        self.good, self.failures = 0, []

    def end(self) -> None:
        self.ended.set()
        self.join(30)

    def run(self) -> None:
        while not self.ended.is_set():
            link = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
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


class Reader(threading.Thread):
    """Follows the events of a submission to their end like a browser's EventSource; `breaks` counts cut streams."""

    def __init__(self, port: int, token: str, submission: str) -> None:
        super().__init__(daemon=True)
        self.port, self.token, self.submission = port, token, submission
        self.events: list[list[Any]] = []
        self.failures: list[str] = []
        self.breaks = 0

    def run(self) -> None:
        while not self.failures and not self._finished():
            self._follow()

    def _follow(self) -> None:
        link = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        last = {"Last-Event-ID": str(self.events[-1][0])} if self.events else {}
        try:
            link.request("GET", self._path(), headers={"Authorization": f"Bearer {self.token}", **last})
            answer = link.getresponse()
            if answer.status != 200:
                self.failures.append(str(answer.status))
            self._read(answer)
        except (OSError, HTTPException) as error:
            # A stream may break, but a connection must not be refused.
            self.failures += [repr(error)] if isinstance(error, ConnectionRefusedError) else []
        finally:
            link.close()
        # `readline` does not distinguish a broken stream from one that has ended.
        self.breaks += not self._finished()

    def _finished(self) -> bool:
        return bool(self.events) and self.events[-1][1] == "finished"

    def _path(self) -> str:
        return f"/api/v1/submissions/{self.submission}/events"

    def _read(self, answer: HTTPResponse) -> None:
        """Reads events. An event is complete only with the empty line at its end."""
        for lines in _blocks(answer):
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "id" in fields:
                self.events.append([int(fields["id"]), fields["event"]])


def _blocks(answer: HTTPResponse) -> Iterator[list[str]]:
    lines: list[str] = []
    while line := answer.readline().decode():
        if line != "\n":
            lines.append(line.rstrip("\n"))
        else:
            yield lines
            lines = []
