"""All that a learner can see of a world, to be compared with that of another.

The clock stands still but where the engine moves it, and a world is rolled back at its end, so that ids come out equal
by themselves.
"""

from __future__ import annotations

import io
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import time_machine
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.submissions import services, stream
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.learn.hidden.worlds import ATTEMPTS, Engine, Hidden, TalkativeJudge, publish_world
from workers import status
from workers.work import Worker

START = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
# What each page draws anew; nothing else is taken out before two worlds are compared.
DRAWN = re.compile(
    r'(csrfmiddlewaretoken" value="|name="key" value="|nonce="|X-CSRFToken&quot;: &quot;|X-CSRFToken": ")[^"&]+'
)


@dataclass(frozen=True)
class Seen:
    """Everything by address, and the log."""

    pages: dict[str, bytes]
    log: str
    states: tuple[str, ...]
    values: tuple[float, ...]

    def everything(self) -> dict[str, bytes]:
        # Staff alone read the log; its clock is the one that the hidden rows move.
        return {**self.pages, "log": "\n".join(self.records()).encode()}

    def records(self) -> list[str]:
        """Log lines without times and drawn ids, keys in order: context variables come in none."""
        read = [json.loads(re.sub("0x[0-9a-f]+", "", line)) for line in self.log.splitlines()]
        drawn = {"timestamp": "", "request_id": "", "submission": ""}
        return [json.dumps({**one, **drawn}, sort_keys=True) for one in read]


class Observer:
    """Makes worlds in a folder and records what their users can see.

    All worlds have the same users: two learners and a colleague without rights.
    """

    def __init__(self, folder: Path, monkeypatch: Any, users: tuple[User, User, User], token: str) -> None:
        self.folder, self.users, self.token, self.count = folder, users, token, 0
        # DEBUG names objects by their place in memory, which no two worlds share.
        self.level = logging.INFO
        self.publish: Callable[..., None] = publish_world
        self.judge: Callable[[Hidden], Any] = lambda world: TalkativeJudge(world.secret)
        # Which addresses are looked at. A test that a leak is caught needs those where it shows.
        self.looks_at: Callable[[str], bool] = lambda path: True
        # What staff do after the attempts, before anybody looks.
        self.afterwards: Callable[[Hidden, Sequence[Submission]], None] = lambda world, made: None
        monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})
        stands_in = SimpleNamespace(monotonic=lambda: time.time(), sleep=lambda seconds: self.clock.shift(seconds))
        for module in ("events", "hidden_row_timing"):
            monkeypatch.setattr(f"workers.grading.{module}.time", stands_in)
        monkeypatch.setattr(Now, "as_sqlite", _now)
        # It follows the machine's own clock: where a grading takes seconds, it would be in the log of one world only.
        monkeypatch.setattr(settings, "HEARTBEAT_SECONDS", 3600)
        self.clients = [Client() for _ in users]
        with time_machine.travel(START, tick=False):
            for client, user in zip(self.clients, users, strict=True):
                client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def see(self, world: Hidden, attempts: Sequence[Any] = ATTEMPTS, **prompt: Any) -> Seen:
        """What can be seen of `world` after `attempts`."""
        self.count += 1
        for client in self.clients:
            # A message that was not shown yet would appear on the first page of the next world.
            client.cookies.pop("messages", None)
        root = self.folder / f"world{self.count}"
        cache.clear()
        with transaction.atomic(), time_machine.travel(START, tick=False) as clock, logs(self.level) as log:
            self.clock = clock
            self.publish(root, world, **prompt)
            made = [self._attempt(world, clock, root, n, *attempt) for n, attempt in enumerate(attempts)]
            self._measure(world, clock, root, made[0])
            self.afterwards(world, made)
            clock.move_to(START + timedelta(hours=1))
            pages = {
                path: self._page(*call)
                for call in self._calls(made)
                for path in [f"{call[0]} {call[1]}"]
                if self.looks_at(path)
            }
            pages |= {f"events {one.uuid}": events_of(one) for one in made}
            ended = [one.current_for_staff for one in made]
            values = tuple(e.score.value for e in ended if hasattr(e, "score"))
            transaction.set_rollback(True)
        return Seen(pages, log.getvalue(), tuple(e.state for e in ended), values)

    def _attempt(self, world: Hidden, clock: Any, root: Path, n: int, slug: str, lane: str, payload: Any) -> Submission:
        clock.move_to(START + timedelta(minutes=n + 1))
        made = factories.submit(self.users[0], slug, payload)
        Submission.objects.filter(pk=made.pk).update(uuid=uuid.UUID(int=n + 1))
        made.refresh_from_db()
        engine = Engine(world, clock, root)
        assert Worker(lane, runner=engine, judge=self.judge(world)).step()  # type: ignore[arg-type]
        return made

    def _measure(self, world: Hidden, clock: Any, root: Path, made: Submission) -> None:
        """Has the costs of an attempt measured, when nothing else has run for a while."""
        clock.move_to(START + timedelta(minutes=30))
        run = services.measure_attempt(self.users[0], factories.challenge(made.challenge.slug), made)
        Run.objects.filter(pk=run.pk).update(uuid=uuid.UUID(int=1000))
        engine = Engine(world, clock, root)
        assert Worker("train", runner=engine, judge=TalkativeJudge(world.secret)).step()  # type: ignore[arg-type]

    def _calls(self, made: Sequence[Submission]) -> Iterator[tuple[int, str]]:
        own = addresses(made)
        yield from ((0, path) for path in own)
        # Somebody else sees boards, and nothing of what is not theirs; a colleague without rights no admin page.
        yield from ((1, path) for path in own if "leaderboard" in path or "submissions/" in path)
        yield from ((2, path) for path in ADMIN)

    def _page(self, who: int, path: str) -> bytes:
        bearer = who == 0 and path.startswith("/api/")
        headers = {"X-Request-ID": "1", **({"Authorization": f"Bearer {self.token}"} if bearer else {})}
        client = Client() if bearer else self.clients[who]
        response = client.get(path, headers=headers)
        content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        if path == "/metrics":
            content = b"\n".join(line for line in content.splitlines() if line.startswith(b"gradus_"))
        # Counters of the process go on from world to world, so their length is not the site's.
        if path == "/metrics":
            del response.headers["Content-Length"]
        head = {k: v for k, v in response.headers.items() if k not in ("Content-Security-Policy", "Set-Cookie")}
        text = f"{response.status_code} {json.dumps(head)}\n".encode() + content
        return re.sub(DRAWN.pattern.encode(), rb"\1", text)


ADMIN = ("/admin/submissions/evaluation/", "/admin/submissions/score/", "/admin/submissions/submission/", "/reviews/")


def addresses(made: Sequence[Submission]) -> list[str]:
    """Every address of pages and API that a learner can get and that shows something of a grade."""
    found = ["/", "/path/", "/profile/", "/courses/tiny/", "/lessons/first/", "/leaderboards/", "/metrics", "/notices/"]
    found += ["/lessons/first/one-page/", "/lessons/first/steps/any/"]
    found += ["/profile/my-data.json", f"/classes/{made[0].of_class_id or 1}/grades/"]
    found += [
        "/api/v1/classes",
        f"/api/v1/classes/{made[0].of_class_id or 1}/members/me/grades",
        "/api/v1/courses",
        "/api/v1/courses/tiny/path",
        "/api/v1/submissions",
        "/api/v1/lessons/first",
        "/api/v1/lessons/first/findings",
        "/api/v1/notices",
        "/api/v1/reports",
        "/api/v1/lessons/first/questions",
        "/api/v1/boards/sea-or-sky/entries",
    ]
    for slug in ("sea-or-sky", "ticket", "explain"):
        found += [f"/challenges/{slug}/", f"/challenges/{slug}/?track=tune", f"/challenges/{slug}/board/"]
        found += [f"/challenges/{slug}/costs/", f"/challenges/{slug}/costs/?input=0.5&training=9"]
        found += [f"/challenges/{slug}/{name}" for name in ("solution/", "public.jsonl", "starter.jsonl", "history")]
        found += [f"/leaderboards/{slug}/", f"/leaderboards/{slug}/?track=tune"]
        found += [f"/leaderboards/{slug}/?class={made[0].of_class_id or 1}"]
        api = f"/api/v1/challenges/{slug}"
        found += [
            f"/teach/challenges/{slug}/",
            f"/teach/challenges/{slug}/rows/",
            f"{api}/health",
            f"{api}/health/rows",
        ]
        found += [
            f"{api}/history",
            f"{api}/solution",
            api,
            f"{api}/leaderboard",
            f"{api}/leaderboard?track=tune",
            f"{api}/costs",
        ]
    for one in made:
        page, slug = f"/submissions/{one.uuid}/", one.challenge.slug
        found += [page, f"{page}fragment", f"{page}artifact", f"{page}receipt", f"{page}receipt/"]
        found += [f"/challenges/{slug}/?from={one.uuid}"]
        found += [f"/challenges/{slug}/compare/?a={made[0].uuid}&b={one.uuid}"]
        found += [f"/api/v1/challenges/{slug}/comparison?before={made[0].uuid}&after={one.uuid}"]
        found += [f"/api/v1{page[:-1]}", f"/api/v1{page}artifact", f"/api/v1{page}receipt"]
    return found


def events_of(submission: Submission) -> bytes:
    """The stream's bytes, read in this thread, which alone sees the world before it is rolled back."""
    key = submission.current_for_staff.pk
    look = stream.look_at({key: 0})[key]
    lines = [stream.line("state", look.state)] + [stream.line(kind, data, seq) for seq, kind, data in look.events]
    return b"".join(lines)


@contextmanager
def logs(level: int) -> Iterator[io.StringIO]:
    """All records from `level` on as the site's JSON lines, SQL apart."""
    made = dict(settings.LOGGING["formatters"]["json"])
    written, root = io.StringIO(), logging.getLogger()
    levels = {root: level, logging.getLogger("workers"): level, logging.getLogger("django.db.backends"): logging.INFO}
    handler, before = logging.StreamHandler(written), {logger: logger.level for logger in levels}
    handler.setFormatter(made.pop("()")(**made))
    root.addHandler(handler)
    try:
        for logger, wanted in levels.items():
            logger.setLevel(wanted)
        yield written
    finally:
        root.removeHandler(handler)
        for logger, was in before.items():
            logger.setLevel(was)


def log_difference(one: Seen, other: Seen) -> str:
    """The first lines of the log that differ, to explain a failed test."""
    pairs = zip(one.records(), other.records(), strict=False)
    return next((f"{a}\n{b}" for a, b in pairs if a != b), "")


def differences(one: Seen, other: Seen) -> list[str]:
    """Addresses whose bytes differ."""
    a, b = one.everything(), other.everything()
    return sorted(path for path in a.keys() | b.keys() if a.get(path) != b.get(path))


def _now(self: Now, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
    return f"'{timezone.now():%Y-%m-%d %H:%M:%S.%f}'", []
