"""A thousand submits at once, over HTTP, by one learner to one challenge: exactly the limit is taken, or one for a key.

Each request has a connection of its own, and most are under way at the same moment, which is asserted.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import httpx
import pytest

from gradus import settings as site_settings
from tests import factories
from tests.security import crowd_site
from tests.security.crowd_site import ALLOWED, CHALLENGE, CrowdSite

QUICK, MANY = 64, 1000
CROWDS = [QUICK, pytest.param(MANY, marks=pytest.mark.slow)]
SECONDS = 300
Answers = list[dict[str, Any]]


@pytest.fixture(
    scope="module",
    params=(pytest.param("sqlite", marks=pytest.mark.slow), pytest.param("postgres", marks=pytest.mark.postgres)),
)
def site(request: pytest.FixtureRequest) -> Iterator[CrowdSite]:
    postgres = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with crowd_site.opened(postgres) as found:
        yield found


def at_once(site: CrowdSite, token: str, keys: list[str]) -> Answers:
    """What each of the keys was answered in the end: whoever lost a race, or a connection, asks again with its key."""
    return asyncio.run(_crowd(site.ports, token, keys))


async def _crowd(ports: tuple[int, ...], token: str, keys: list[str]) -> Answers:
    gate, limits = asyncio.Event(), httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=SECONDS) as client:
        tasks = [
            asyncio.create_task(_one(client, f"http://127.0.0.1:{ports[n % len(ports)]}/api/v1", key, gate))
            for n, key in enumerate(keys)
        ]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tasks)


async def _one(client: httpx.AsyncClient, root: str, key: str, gate: asyncio.Event) -> dict[str, Any]:
    await gate.wait()
    for _ in range(50):
        address = f"{root}/challenges/{CHALLENGE}/submissions"
        try:
            began = time.monotonic()
            answer = await client.post(address, json=factories.PROMPT, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            continue
        body: dict[str, Any] = {**answer.json(), "status": answer.status_code, "time": (began, time.monotonic())}
        if body.get("code") != "busy":
            return body
    raise AssertionError(f"{key} was never answered")


def most_together(answers: Answers) -> int:
    """How many requests were under way at the fullest moment."""
    moves = sorted([(began, 1) for began, _ in times(answers)] + [(ended, -1) for _, ended in times(answers)])
    return max(accumulate(step for _, step in moves))


def times(answers: Answers) -> list[tuple[float, float]]:
    return [answer["time"] for answer in answers]


def codes(answers: Answers) -> Counter[str]:
    assert most_together(answers) > len(answers) // 2
    assert all(answer["status"] < 500 for answer in answers)
    return Counter(answer.get("code", "taken") for answer in answers)


@pytest.mark.parametrize("crowd", CROWDS)
@pytest.mark.parametrize("left", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_exactly_the_attempts_that_are_left_are_taken(site: CrowdSite, left: int, crowd: int) -> None:
    learner, token = site.ask("learner", str(ALLOWED - left))
    answers = at_once(site, token, [uuid.uuid4().hex for _ in range(crowd)])
    assert codes(answers) == {"taken": left, "over_quota": crowd - left}
    rows = {"submissions": ALLOWED, "slots": ALLOWED, "in_flight": left, "evaluations": ALLOWED, "open": left}
    assert site.ask("rows", str(learner)) == rows


@pytest.mark.parametrize("crowd", CROWDS)
def test_exactly_as_many_as_may_be_graded_at_once_are_taken(site: CrowdSite, crowd: int) -> None:
    learner, token = site.ask("learner", "0")
    answers = at_once(site, token, [uuid.uuid4().hex for _ in range(crowd)])
    most = site_settings.IN_FLIGHT
    assert codes(answers) == {"taken": most, "in_flight": crowd - most}
    assert site.ask("rows", str(learner)) == dict.fromkeys(
        ("submissions", "slots", "in_flight", "evaluations", "open"), most
    )


@pytest.mark.parametrize("crowd", CROWDS)
def test_one_key_makes_one_submission(site: CrowdSite, crowd: int) -> None:
    learner, token = site.ask("learner", str(ALLOWED - 1))
    answers = at_once(site, token, [uuid.uuid4().hex] * crowd)
    assert codes(answers) == {"taken": crowd}
    assert len({answer["uuid"] for answer in answers}) == 1
    rows = {"submissions": ALLOWED, "slots": ALLOWED, "in_flight": 1, "evaluations": ALLOWED, "open": 1}
    assert site.ask("rows", str(learner)) == rows
