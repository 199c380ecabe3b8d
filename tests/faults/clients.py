"""Client programs of learners: each submits its jobs and repeats a request, with its key, until it has an answer."""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection

from gradus.accounts.models import ApiToken, User, digest_of
from gradus.submissions import services
from tests import factories

CHALLENGE = "sea-or-sky"
# There are only a few payloads, so that many submissions must get the same score.
KINDS = 7
# Seconds to wait after a refusal, doubled each time, so that the server is not busy with refusals.
PAUSE_SECONDS, LONGEST_PAUSE = 0.03, 1.0
TRY_SECONDS = 20.0
Answer = tuple[str, float]


@dataclass(frozen=True)
class Job:
    user: int
    token: str
    key: str
    payload: dict[str, Any]


def make_users(count: int) -> list[tuple[int, str]]:
    """Makes new learners and returns their ids and API tokens."""
    names = [uuid.uuid4().hex for _ in range(count)]
    users = User.objects.bulk_create(User(username=name, password="!", email=f"{name}@example.org") for name in names)
    ApiToken.objects.bulk_create(ApiToken(user=user, name="t", digest=digest_of(user.username)) for user in users)
    return [(user.pk, user.username) for user in users]


def jobs(users: Iterable[tuple[int, str]], each: int, word: str) -> list[Job]:
    """The jobs of all learners in rounds, so that no learner has two jobs in a row."""
    users = list(users)
    return [
        Job(user, token, uuid.uuid4().hex, {**factories.PROMPT, "instructions": f"{word} {number % KINDS}"})
        for number in range(each)
        for user, token in users
    ]


def run(jobs: list[Job], acks: Path, port: int, patient: bool) -> None:
    """Submits jobs and writes a line for each key: the answer and its time in milliseconds. Resumes after a kill."""
    told = {line.split("\t")[0] for line in acks.read_text().splitlines()} if acks.exists() else set()
    waiting, pause = deque(job for job in jobs if job.key not in told), PAUSE_SECONDS
    with acks.open("a") as file:
        while waiting:
            job = waiting.popleft()
            answer, ms = _sent(job, port)
            if answer in ("again", "in_flight") and patient:
                waiting.append(job)
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = PAUSE_SECONDS
            file.write(f"{job.key}\t{answer}\t{ms:.3f}\n")
            file.flush()


def _sent(job: Job, port: int) -> Answer:
    send: Callable[[Job], str] = (lambda job: over_http(job, port)) if port else by_service
    start = time.perf_counter()
    answer = send(job)
    return answer, 1000 * (time.perf_counter() - start)


def by_service(job: Job) -> str:
    try:
        user = User.objects.get(pk=job.user)
        services.submit(user, factories.challenge(CHALLENGE), job.payload, idempotency_key=job.key)
        return "taken"
    except services.Refused as refused:
        return "again" if refused.code == "busy" else refused.code
    except DatabaseError:
        connection.close()
        return "again"


def over_http(job: Job, port: int) -> str:
    link = HTTPConnection("127.0.0.1", port, timeout=TRY_SECONDS)
    headers = {"Authorization": f"Bearer {job.token}", "Idempotency-Key": job.key, "Content-Type": "application/json"}
    try:
        link.request("POST", f"/api/v1/challenges/{CHALLENGE}/submissions", json.dumps(job.payload), headers)
        response = link.getresponse()
        body = response.read()
    except (OSError, HTTPException):
        return "again"
    finally:
        link.close()
    if response.status == 201:
        return "taken"
    code = json.loads(body)["code"] if response.status < 500 else "again"
    return "again" if code == "busy" else str(code)
