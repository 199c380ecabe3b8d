"""The whole site in two worlds that differ in hidden material only, and all that a learner can see of each.

Real services, real worker, real graders; the engine is a table. The clock stands still but where the engine moves it,
and a world is rolled back at its end, so that ids come out equal by themselves.
"""

from __future__ import annotations

import io
import json
import logging
import math
import re
import shutil
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

from challenges.kinds.rag_keys import NOT_IN_CORPUS
from challenges.reading import read_course
from graders.base import (
    Embed,
    Embedded,
    Generate,
    Generated,
    Judge,
    Judged,
    Rejected,
    Retrieve,
    Retrieved,
    Score,
    Scored,
    Train,
    Trained,
)
from gradus.accounts.models import User
from gradus.courses.services import publish
from gradus.submissions import services, stream
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.challenges.factory import (
    MARKS,
    RUBRIC,
    gold_row,
    ticket_samples,
    write_course,
    write_free_text_challenge,
    write_prompt_challenge,
    write_rows,
)
from tests.challenges.kinds.rag_bundle import GOOD, write_rag_challenge
from workers import status
from workers.engine.choice import DEFAULT, Choice
from workers.sandbox import adapter_files
from workers.work import Worker

START = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
ANSWER = "Because the weights keep old facts, whereas a look-up reads the newest ones every time."
# What the engine says that public rows took: then hidden ones are about as quick, as lint wants them.
ITEM_S = 0.11
# What each page draws anew; nothing else is taken out before two worlds are compared.
DRAWN = re.compile(
    r'(csrfmiddlewaretoken" value="|name="key" value="|nonce="|X-CSRFToken&quot;: &quot;|X-CSRFToken": ")[^"&]+'
)


@dataclass(frozen=True)
class Hidden:
    """Hidden material: `(input, label)` rows, a word for every other secret place, seconds that hidden rows take."""

    rows: tuple[tuple[str, str], ...]
    secret: str
    seconds: float


def hidden(counts: Sequence[int], secret: str, seconds: float) -> Hidden:
    """`counts`: rows that go up and are sky, down and sea (both answered rightly), up and sea, down and sky."""
    kinds = zip((("up", "sky"), ("down", "sea"), ("up", "sea"), ("down", "sky")), counts, strict=True)
    rows = [(f"{secret} thing {n} goes {way} there", label) for (way, label), count in kinds for n in range(count)]
    return Hidden(tuple(rows), secret, seconds)


class Engine:
    """Says `sky` for what goes up, or `sea` to everything if told to be worse; hidden rows take what they take."""

    device, dtype, threads = "cpu", "float32", 1
    worked = staticmethod(time.monotonic)

    def __init__(self, world: Hidden, clock: Any, folder: Path) -> None:
        self.world, self.clock, self.folder = world, clock, folder

    def choose(self, model: str, *, should_stop: Any) -> Choice:
        return DEFAULT

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        if isinstance(item, Embed):
            return Embedded([[1.0, 0.0] for _ in item.texts])
        if isinstance(item, Train):
            return self._train(item, on_event)
        if isinstance(item, Retrieve):
            return self._retrieve(item)
        text = item.prompt
        if item.stage == "hidden":
            self._break(text)
            self.clock.shift(self.world.seconds)
        for done in range(len(item.suffixes) + 1):
            on_event({"type": "progress", "stage": item.stage, "done": done, "total": len(item.suffixes)})
        if isinstance(item, Generate):
            replies = [WRITTEN] * len(item.suffixes)
            self._tell(item.stage, replies, on_event)
            return Generated(replies, [9] * len(replies), [8] * len(replies), ITEM_S)
        assert isinstance(item, Score)
        up = [" up " in suffix and "worse" not in text for suffix in item.suffixes]
        low, high = math.log(0.2), math.log(0.8)
        values = [[low, high] if is_up else [high, low] for is_up in up]
        self._tell(item.stage, values, on_event)
        return Scored(values, [10] * len(up), ITEM_S)

    def _retrieve(self, item: Retrieve) -> Retrieved:
        """Finds the document `loans` for everything but what is nowhere; hidden rows take what they take."""
        if item.stage == "hidden":
            self.clock.shift(self.world.seconds)
        place = next(n for n, text in enumerate(item.passages) if "15 books" in text)
        return Retrieved([[] if "nowhere" in query else [(place, 0.9)] for query in item.queries], ITEM_S)

    def _tell(self, stage: str, values: Sequence[Any], on_event: Any) -> None:
        """Reports the rows of every stage, as if an engine did not know which a learner may see."""
        on_event({"type": "rows", "stage": stage, "rows": [list(pair) for pair in enumerate(values)]})

    def _train(self, item: Train, on_event: Any) -> Trained:
        if "diverge" in item.rows[0][0]:
            raise Rejected("diverged", self.world.secret)
        on_event({"type": "loss", "step": 1, "steps": 1, "train_loss": 0.5, "valid_loss": 0.6, "seconds": 0.2})
        for name in adapter_files.NAMES:
            (self.folder / name).write_bytes(b"{}")
        return Trained(str(self.folder), 1, 0.5, 0.6, 0.01, 4, 20, 0.2)

    def forget(self) -> None:
        """The folder is the test's."""

    def _break(self, text: str) -> None:
        if "break" in text:
            raise RuntimeError(f"cannot read the row {self.world.rows[0]} of {self.world.secret}")

    def close(self) -> None:
        """Nothing to end."""


class TalkativeJudge:
    """The same marks in every world, with secret words wherever there is room for words."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def judge(self, item: Judge) -> Judged:
        kept = {"evidence": ["the weights keep old facts", f"{self.secret} quote"], "mark": "met", "confidence": 90}
        rows = [{"id": id, "reason": f"{self.secret} says why", **kept} for id in item.criteria]
        return Judged({"criteria": rows, "contradictions": [], "addresses_grader": False}, "", "judge-1", None)


def publish_world(root: Path, world: Hidden, **prompt: Any) -> None:
    write_course(root)
    lesson, secret = root / "first", world.secret
    write_prompt_challenge(lesson / "sea-or-sky", metric={"name": "accuracy"}, **prompt)
    rows = [{"id": f"{secret}-{n}", "input": text, "target": label} for n, (text, label) in enumerate(world.rows)]
    write_rows(lesson / "sea-or-sky" / "hidden.jsonl", rows)
    tickets = [{**row, "id": f"{secret}-{row['id']}"} for row in ticket_samples("h", 3, 6)]
    tickets = [{**row, "target": {**row["target"], "summary": f"{secret} label"}} for row in tickets]
    write_rows(lesson / "ticket" / "hidden.jsonl", tickets)
    rubric = [
        {**c, "text": f"{c['text']} {secret}", "accept": [f"{secret} yes"], "reject": [f"{secret} no"]} for c in RUBRIC
    ]
    write_free_text_challenge(
        lesson / "explain", rubric=rubric, model_answer=f"Facts go stale, says the {secret} answer."
    )
    gold = [gold_row(n, role) for n, role in enumerate(["prompt"] * 5 + ["calibration"] * len(MARKS) * 4)]
    write_rows(lesson / "explain" / "gold.jsonl", [{**row, "answer": f"{row['answer']} {secret}"} for row in gold])
    publish(read_course(root))


def publish_library(root: Path, world: Hidden) -> None:
    """A challenge with documents, whose hidden rows are those of the world: a label is a target."""
    write_course(root)
    shutil.rmtree(root / "first" / "sea-or-sky")
    library = write_rag_challenge(root / "first" / "sea-or-sky", id="sea-or-sky", public_metrics=None)
    named = {NOT_IN_CORPUS: []}
    rows = [
        {"id": f"{world.secret}-{n}", "input": text, "target": target, "documents": named.get(target, ["loans"])}
        for n, (text, target) in enumerate(world.rows)
    ]
    write_rows(library / "hidden.jsonl", rows)
    publish(read_course(root))


WRITTEN = '{"priority": "low", "summary": "broken"}'
# Half of the rows are right in both: those that are not found in the one, and two that are answered in the other.
_WRONG = [("thing one is where", "wrong"), ("thing two is where", "wrong")]
HALF_FOUND = Hidden(
    (*_WRONG, ("thing three is nowhere", NOT_IN_CORPUS), ("thing four is nowhere", NOT_IN_CORPUS)), "heron", 0.1
)
ALL_FOUND = Hidden((("oyster six is where", WRITTEN), *_WRONG, ("oyster five is here", WRITTEN)), "oysters", 0.2)
RETRIEVAL = ("sea-or-sky", "grade", {**GOOD, "method": "words", "min_score": 0.2})

ATTEMPTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sea-or-sky", "grade", factories.PROMPT),
    ("sea-or-sky", "train", factories.LORA),
    ("ticket", "grade", {"kind": "prompt", "instructions": "Answer in JSON."}),
    ("explain", "judge", {"kind": "free_text", "answer": ANSWER}),
    ("sea-or-sky", "grade", {"kind": "prompt", "instructions": "break"}),
    ("sea-or-sky", "train", {**factories.LORA, "instructions": "diverge"}),
)
WORSE = ("sea-or-sky", "grade", {"kind": "prompt", "instructions": "worse"})


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
        monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})
        stands_in = SimpleNamespace(monotonic=lambda: time.time(), sleep=lambda seconds: self.clock.shift(seconds))
        for module in ("events", "hidden_row_timing"):
            monkeypatch.setattr(f"workers.grading.{module}.time", stands_in)
        monkeypatch.setattr(Now, "as_sqlite", _now)
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
            clock.move_to(START + timedelta(hours=1))
            pages = {path: self._page(*call) for call in self._calls(made) for path in [f"{call[0]} {call[1]}"]}
            pages |= {f"events {one.uuid}": events_of(one) for one in made}
            ended = [one.current for one in made]
            values = tuple(e.score.value for e in ended if hasattr(e, "score"))
            transaction.set_rollback(True)
        return Seen(pages, log.getvalue(), tuple(e.state for e in ended), values)

    def _attempt(self, world: Hidden, clock: Any, root: Path, n: int, slug: str, lane: str, payload: Any) -> Submission:
        clock.move_to(START + timedelta(minutes=n + 1))
        made = factories.submit(self.users[0], slug, payload)
        Submission.objects.filter(pk=made.pk).update(uuid=uuid.UUID(int=n + 1))
        made.refresh_from_db()
        engine = Engine(world, clock, root)
        assert Worker(lane, runner=engine, judge=TalkativeJudge(world.secret)).step()  # type: ignore[arg-type]
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
    found += ["/profile/my-data.json"]
    found += [
        "/api/v1/courses",
        "/api/v1/courses/tiny/path",
        "/api/v1/submissions",
        "/api/v1/lessons/first",
        "/api/v1/lessons/first/findings",
        "/api/v1/notices",
        "/api/v1/reports",
        "/api/v1/lessons/first/questions",
    ]
    for slug in ("sea-or-sky", "ticket", "explain"):
        found += [f"/challenges/{slug}/", f"/challenges/{slug}/?track=tune", f"/challenges/{slug}/board/"]
        found += [f"/challenges/{slug}/costs/", f"/challenges/{slug}/costs/?input=0.5&training=9"]
        found += [f"/challenges/{slug}/{name}" for name in ("solution/", "public.jsonl", "starter.jsonl", "history")]
        found += [f"/leaderboards/{slug}/", f"/leaderboards/{slug}/?track=tune"]
        api = f"/api/v1/challenges/{slug}"
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
    look = stream.look_at({submission.current.pk: 0})[submission.current.pk]
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
