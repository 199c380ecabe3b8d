"""Who watches a submission in every way that a learner has cannot tell how long its hidden rows took.

The whole site and a real worker in one process; the engine sleeps. Streams are polled far more often than in use, as if
an attacker had many of them. Two hidden sets lie at the bounds that lint sets. The schedule itself is measured on
thousands of gradings by `tests/workers/grading/test_hidden_row_timing.py`; this looks whether anything goes around it.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection
from django.test import AsyncClient
from sklearn.metrics import roc_auc_score

from graders.base import Score, Scored
from gradus.accounts.models import ApiToken, User
from gradus.courses.models import Challenge
from gradus.submissions import stream
from gradus.submissions.models import Evaluation, Submission
from tests import factories
from tests.workers.grading.test_hidden_row_timing import LONG, SHORT
from tests.workers.test_work import TableRunner
from workers.grading import hidden_row_timing
from workers.work import Worker

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
# Gradings of each hidden set. An AUC of chance has the standard error sqrt((2n + 1) / (12 n^2)).
EACH, CONTROL_EACH = 30, 12
ROW_S = 0.04
Seen = dict[str, float]


class SleepyRunner(TableRunner):
    """A row takes `ROW_S` seconds, a hidden one `longer` times as long."""

    longer = 1.0

    def run(self, item: Any, **more: Any) -> Any:
        answer = super().run(item, **more)
        began = time.monotonic()
        if isinstance(item, Score):
            time.sleep(ROW_S * len(item.suffixes) * (self.longer if item.stage == "hidden" else 1))
            return Scored(answer.logprobs, answer.prompt_tokens, time.monotonic() - began)
        return answer


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, sea_or_sky: Challenge) -> Iterator[SleepyRunner]:
    """Works off the lane until the test ends."""
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.01)
    found, ending = SleepyRunner(), threading.Event()

    def work() -> None:
        worker = Worker("grade", runner=found)  # type: ignore[arg-type]
        while not ending.is_set():
            if not worker.step():
                ending.wait(0.005)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield found
    ending.set()
    thread.join()


async def follow(evaluation: Evaluation, arrived: Seen, name: str) -> None:
    """When each kind of event came; of progress the last one counts."""
    async for part in stream.follow(evaluation.pk):
        for line in part.decode().splitlines():
            if line.startswith("event: "):
                arrived[f"{name} {line.removeprefix('event: ')}"] = time.monotonic()


async def poll(client: AsyncClient, submission: Submission, token: str) -> tuple[float, Any]:
    """When the API said first that it has ended, and its answer."""
    headers = {"Authorization": f"Bearer {token}"}
    while True:
        answer = json.loads((await client.get(f"/api/v1/submissions/{submission.uuid}", headers=headers)).content)
        if answer["status"] not in ("queued", "running"):
            return time.monotonic(), answer
        await asyncio.sleep(0.005)


@async_to_sync
async def look(one: Submission, other: Submission, token: str) -> Seen:
    """What a learner with two submissions sees of the first one's time, in seconds."""
    began, arrived = time.monotonic(), {}
    evaluations = [await sync_to_async(lambda s=s: s.current)() for s in (one, other)]
    polled, _, _ = await asyncio.gather(
        poll(AsyncClient(), one, token),
        follow(evaluations[0], arrived, "one"),
        follow(evaluations[1], arrived, "other"),
    )
    at, answer = polled
    ended, made = (datetime.fromisoformat(answer[name]) for name in ("finished_at", "created_at"))
    return {
        "stream": arrived["one finished"] - arrived["one progress"],
        "api": at - began,
        "finished_at": (ended - made).total_seconds(),
        "next start": arrived["other started"] - arrived["one progress"],
    }


def gradings(runner: SleepyRunner, each: int) -> dict[str, float]:
    """AUC of each way to look, of both hidden sets in random order."""
    labels = np.random.default_rng(3).permutation(np.repeat([0, 1], each))
    seen = []
    for label in labels:
        runner.longer = LONG if label else SHORT
        user: User = factories.UserFactory.create()
        one, other = factories.submit(user), factories.submit(user)
        seen.append(look(one, other, ApiToken.issue(user, "attack")[1]))
    found = {}
    for way in seen[0]:
        score = float(roc_auc_score(labels, [one[way] for one in seen]))
        found[way] = max(score, 1 - score)
    return found


def test_nobody_who_watches_tells_two_hidden_sets_apart(runner: SleepyRunner) -> None:
    found = gradings(runner, EACH)
    print(f"held, 2 x {EACH} gradings: AUC {found}")
    error = np.sqrt((2 * EACH + 1) / (12 * EACH**2))
    assert max(found.values()) <= 0.5 + 3.5 * error


def test_without_the_schedule_every_way_tells(runner: SleepyRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden_row_timing.Pace, "_hold", lambda self, began, allowed: None)
    found = gradings(runner, CONTROL_EACH)
    print(f"not held, 2 x {CONTROL_EACH} gradings: AUC {found}")
    assert min(found["stream"], found["next start"]) >= 0.9
