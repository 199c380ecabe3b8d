"""A transaction that holds a row takes the site from nobody: requests that wait for the row are few, and given up."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.cookies import SimpleCookie
from typing import Any

import httpx
import psycopg
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from gradus import database_away
from gradus.fair_threads import Threads
from tests import factories
from tests.security import crowd_site
from tests.security.crowd_site import CHALLENGE, CrowdSite

CANCELS, PAGES = 10, 40


def asked(address: str = "192.0.2.1", session: str = "", token: str = "", path: str = "/") -> HttpRequest:
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
    request = RequestFactory().get(path, REMOTE_ADDR=address, **headers)
    request.COOKIES = {"sessionid": session} if session else {}
    return request


def test_a_sender_has_half_of_the_threads_and_others_go_on() -> None:
    async def scene() -> None:
        threads = Threads(4, wait_seconds=30)
        first, second = [await threads.enter(asked(session="a")) for _ in range(2)]
        third = asyncio.ensure_future(threads.enter(asked(session="a")))
        other = await threads.enter(asked(session="b"))
        assert callable(first) and callable(second) and callable(other) and not third.done()
        first()
        leave = await third
        assert callable(leave)
        for give_back in (second, other, leave):
            give_back()
        assert not threads.taken and not threads.waiting

    asyncio.run(scene())


def test_sessions_that_somebody_invents_leave_a_thread_to_other_addresses() -> None:
    async def scene() -> None:
        threads = Threads(4, wait_seconds=30)
        for number in range(3):
            assert callable(await threads.enter(asked(session=f"invented-{number}")))
        fourth = asyncio.ensure_future(threads.enter(asked(session="invented-4")))
        assert callable(await threads.enter(asked(address="192.0.2.2"))) and not fourth.done()
        fourth.cancel()
        await asyncio.wait([fourth])
        assert not threads.waiting and sum(threads.taken.values()) == 7

    asyncio.run(scene())


def test_a_crowd_behind_one_address_waits_and_delays_launches_but_one_person_does_not() -> None:
    async def scene() -> None:
        threads = Threads(4, wait_seconds=0.02)
        leaves = [await threads.enter(asked(session="a")) for _ in range(2)]
        refused = await threads.enter(asked(session="a"))
        assert isinstance(refused, HttpResponse) and threads.oldest_seconds() == 0
        leaves.append(await threads.enter(asked(session="b")))
        crowd = [asyncio.ensure_future(threads.enter(asked(session=f"c{number}"))) for number in range(20)]
        await asyncio.wait(crowd, timeout=0.1)
        assert not any(task.done() for task in crowd) and threads.oldest_seconds() > 0.05
        for leave in leaves:
            assert callable(leave)
            leave()
        for task in crowd:
            leave = await task
            assert callable(leave)
            leave()
        assert not threads.taken and not threads.waiting and threads.oldest_seconds() == 0

    asyncio.run(scene())


def test_a_senders_requests_wait_for_as_long_as_earlier_ones_end() -> None:
    async def scene() -> None:
        threads = Threads(2, wait_seconds=0.5)
        leave = await threads.enter(asked(session="a"))
        later = [asyncio.ensure_future(threads.enter(asked(session="a"))) for _ in range(6)]
        for task in later:
            await asyncio.wait([task], timeout=0.2)
            assert callable(leave) and not task.done()
            leave()
            leave = await task
        await asyncio.wait([last := asyncio.ensure_future(threads.enter(asked(session="a")))], timeout=5)
        assert isinstance(last.result(), HttpResponse) and callable(leave)
        leave()
        assert not threads.taken and not threads.ended_at

    asyncio.run(scene())


def test_who_waits_too_long_is_told_so() -> None:
    async def scene() -> None:
        threads = Threads(2, wait_seconds=0)
        assert callable(await threads.enter(asked(token="a")))
        page, call = [await threads.enter(asked(token="a", path=path)) for path in ("/", "/api/v1/courses")]
        assert isinstance(page, HttpResponse) and isinstance(call, HttpResponse)
        assert (page.status_code, call.status_code) == (429, 429) and int(page["Retry-After"]) > 0
        assert all("has not begun with this one" in answer.content.decode() for answer in (page, call))

    asyncio.run(scene())


def test_only_the_options_of_waiting_change() -> None:
    postgres: dict[str, Any] = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"options": "-c a=1"}}
    sqlite: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"timeout": 30}}
    for database in (postgres, sqlite):
        database_away.limit_waits(database)
    assert postgres["OPTIONS"] == {"options": "-c lock_timeout=8s -c statement_timeout=30s -c a=1"}
    assert sqlite["OPTIONS"] == {"timeout": database_away.SQLITE_SECONDS}


async def _attack(site: CrowdSite, headers: dict[str, str], address: str) -> tuple[list[httpx.Response], list[int]]:
    """Sends the cancels, and the pages of other people while those wait. A page has five seconds."""
    root = f"http://127.0.0.1:{site.ports[0]}"
    async with httpx.AsyncClient(base_url=root, timeout=60, limits=httpx.Limits(max_connections=None)) as client:
        cancels = [asyncio.create_task(client.post(address, headers=headers)) for _ in range(CANCELS)]
        await asyncio.wait(cancels, timeout=1)
        pages = await asyncio.gather(*(client.get("/", timeout=5) for _ in range(PAGES)))
        assert not any(task.done() for task in cancels)
        return await asyncio.gather(*cancels), [page.status_code for page in pages]


@contextmanager
def held(site: CrowdSite) -> Iterator[None]:
    """Holds the rows of all evaluations, or on SQLite the whole database against others that write."""
    address = site.env["DATABASE_URL"]
    if address.startswith("postgres"):
        with psycopg.connect(address) as holder:
            holder.execute("select id from submissions_evaluation for update")
            yield
        return
    with closing(sqlite3.connect(address.removeprefix("sqlite:///"), isolation_level=None)) as file:
        file.execute("begin immediate")
        yield


@pytest.mark.parametrize(
    ("postgres", "way"),
    [
        *(pytest.param(True, way, marks=pytest.mark.postgres) for way in ("page", "API")),
        pytest.param(False, "page", marks=pytest.mark.slow),
    ],
)
def test_pages_answer_while_a_row_is_held_and_ten_cancels_wait(
    request: pytest.FixtureRequest, postgres: bool, way: str
) -> None:
    with crowd_site.opened(request.getfixturevalue("postgres_url") if postgres else None) as site:
        pk, token = site.ask("learner", "0")
        root, bearer = f"http://127.0.0.1:{site.ports[0]}", {"Authorization": f"Bearer {token}"}
        made = httpx.post(
            f"{root}/api/v1/challenges/{CHALLENGE}/submissions", json=factories.PROMPT, headers=bearer, timeout=30
        )
        address, headers = f"/api/v1/submissions/{made.json()['uuid']}/cancel", bearer
        if way == "page":
            cookies = SimpleCookie({"sessionid": site.ask("session", str(pk)), "csrftoken": "c" * 32})
            address = f"/submissions/{made.json()['uuid']}/cancel"
            headers = {"Cookie": cookies.output([], "", ";").strip(), "X-CSRFToken": "c" * 32}
        with held(site):
            cancels, pages = asyncio.run(_attack(site, headers, address))
            assert pages == [200] * PAGES
            assert {answer.status_code for answer in cancels} == {429, 503}
            for answer in cancels:
                assert int(answer.headers["Retry-After"]) > 0 and "Wait" in answer.text
        free = httpx.post(root + address, headers=headers, timeout=30)
        assert free.status_code < 400 and site.ask("rows", str(pk))["open"] == 0
