"""A process that forks senders of grades and has each of them killed at one step. `test_killed_sender.py` starts it.

It prints as JSON what came of each kill. The platform is a server of its own on the loopback, in a thread.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django

# The platform has received the request and kept nothing; it has kept the grade and not answered.
AT_THE_PLATFORM = ("heard", "kept")
ROUNDS = 6
SUB = "ada-there"


@dataclass
class Gradebook:
    """What the platform has kept. It refuses an older or equal timestamp, as Open edX does."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    kill_at: str = ""
    sender: int = 0
    is_forked: threading.Event = field(default_factory=threading.Event)

    def kill(self, step: str) -> None:
        """Kills the sender if it is to die at this step: after the parent knows whom to kill."""
        if self.kill_at == step:
            self.kill_at = ""
            assert self.is_forked.wait(30)
            os.kill(self.sender, signal.SIGKILL)
            # Nothing of it is left that could receive an answer.
            os.waitid(os.P_PID, self.sender, os.WEXITED | os.WNOWAIT)

    def take(self, body: dict[str, Any]) -> int:
        self.kill("heard")
        if self.kept and self.kept[-1]["timestamp"] >= body["timestamp"]:
            self.refused += 1
            return 400
        self.kept.append(body)
        self.kill("kept")
        return 200

    def results(self) -> list[dict[str, Any]]:
        if not self.kept or "scoreGiven" not in self.kept[-1]:
            return []
        last = self.kept[-1]
        return [{"userId": SUB, "resultScore": last["scoreGiven"], "resultMaximum": last["scoreMaximum"]}]


def serve(book: Gradebook) -> str:
    """Starts the platform. Returns its address."""
    from tests.lti.platform import web_key

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/keys":
                self.say(200, {"keys": [web_key("first")]})
            else:
                assert parse_qs(asked.query)["user_id"] == [SUB]
                self.say(200, book.results())

        def do_POST(self) -> None:
            given = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/token":
                self.say(200, {"access_token": "token", "expires_in": 3600})
            else:
                self.say(book.take(json.loads(given)), {})

        def say(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                # The sender is gone.
                return

        def log_message(self, *_given: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class Senders:
    """A class with one learner who has come from the platform, and senders of that learner's grade."""

    def __init__(self, folder: Path) -> None:
        from django.utils import timezone

        from gradus.lti import services
        from gradus.lti.models import Context, Deployment, LineItem, Link
        from tests import factories

        self.book, self.points = Gradebook(), folder / "failpoints"
        at = serve(self.book)
        self.by = factories.UserFactory.create(username="operator", is_staff=True)
        form = {"issuer": at, "client_id": "1", "auth_url": f"{at}/auth", "token_url": f"{at}/token"}
        platform = services.add(by=self.by, title="Ours", keys_url=f"{at}/keys", hosts="", **form)
        assert not platform.keys_fault, platform.keys_fault
        deployment = Deployment.objects.create(platform=platform, deployment_id="1", approved_at=timezone.now())
        of_class = factories.a_class(factories.tiny_course(folder / "tiny"))
        context = Context.objects.create(deployment=deployment, context_id="course", of_class=of_class)
        ada = factories.UserFactory.create(username="ada")
        Link.objects.create(platform=platform, sub=SUB, user=ada)
        self.member = factories.member(of_class, ada)
        self.challenge = factories.challenge("sea-or-sky")
        LineItem.objects.create(context=context, challenge=self.challenge, url=f"{at}/lineitems/1")

    def grade(self, points: float | None) -> None:
        """Gives the learner these points, or excuses the learner, which recalls the grade."""
        from gradus.gradebook import services

        if points is None:
            services.excuse([self.member], self.challenge, by=self.by, reason="Was ill")
        else:
            services.override([self.member], self.challenge, by=self.by, value=str(points), reason="By hand")

    def fork(self) -> int:
        """One round of a sender in a process of its own. Returns its exit status, negative where a signal ended it."""
        from django.db import connections

        from gradus.lti import sending

        self.book.is_forked.clear()
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            try:
                sending.run()
                os._exit(0)
            finally:
                os._exit(1)
        self.book.sender = pid
        self.book.is_forked.set()
        _pid, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)

    def later(self) -> None:
        """As if enough time had passed for the next sender."""
        from django.utils import timezone

        from gradus.lti.models import Delivery, LineItem, Platform

        LineItem.objects.update(looked_at=None)
        Delivery.objects.exclude(due_at=None).update(due_at=timezone.now())
        Platform.objects.update(rest_until=None)

    def one(self, step: str, first: float | None, last: float | None) -> str:
        """Kills a sender of the first grade at this step; others bring the last. Returns what is wrong, or ""."""
        from gradus.lti.models import Delivery

        before = len(self.book.kept)
        self.grade(first)
        self.later()
        if step in AT_THE_PLATFORM:
            self.book.kill_at = step
        else:
            (self.points / f"{step}-kill-1").touch()
        ended = self.fork()
        if ended != -signal.SIGKILL or self.book.kill_at or any(self.points.iterdir()):
            return f"the sender was not killed, but ended with {ended}"
        if last != first:
            self.grade(last)
        for _ in range(ROUNDS):
            self.later()
            if ended := self.fork():
                return f"the next sender ended with {ended}"
            row = Delivery.objects.get()
            if row.state == "delivered" and row.wanted == row.delivered:
                break
        came = [one.get("scoreGiven") for one in self.book.kept[before:]]
        stamps = [one["timestamp"] for one in self.book.kept]
        if came not in ([last], [first, last]) or (first == last and len(came) != 1):
            return f"{came} arrived in place of {first} and then {last}"
        return "" if stamps == sorted(set(stamps)) else "a timestamp did not rise"


def pair(number: int) -> tuple[float | None, float | None]:
    """The grade that is sent when the sender is killed, and the one that counts in the end; None recalls a grade."""
    first, last = (number * 2 % 997) / 100, (number * 2 % 997 + 1) / 100
    return ((first, first), (first, last), (first, first), (first, None), (first, first), (None, last))[number % 6]


def main(kills: int) -> None:
    from gradus.submissions import failpoints

    senders, number = Senders(Path(os.environ["GRADUS_DATA_DIR"])), 0
    wrong: list[str] = []
    done: dict[str, int] = {}
    for _ in range(kills):
        for step in (*failpoints.OF_SENDING, *AT_THE_PLATFORM):
            number += 1
            if found := senders.one(step, *pair(number)):
                wrong.append(f"{step}, kill {number}: {found}")
            done[step] = done.get(step, 0) + 1
    print(json.dumps({"kills": done, "wrong": wrong, "kept": len(senders.book.kept), "refused": senders.book.refused}))


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
