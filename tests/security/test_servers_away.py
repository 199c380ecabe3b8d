"""The site without Redis, and without its database: no page depends on the cache, and limits still hold."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client

from gradus import redis_cache
from gradus.accounts.models import LimitCount, User
from tests import factories
from tests.conftest import logged_in
from tests.security.routes import OPEN, PRIVATE, path, routes
from tests.security.test_limits import until_limited
from tests.security.test_routes import Things, course, things

__all__ = ["course", "things"]


def closed_port() -> int:
    """Returns a port where nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def without_redis(settings) -> Iterator[None]:
    redis_cache.health_of.cache_clear()
    with away(settings):
        yield


@contextmanager
def away(settings) -> Iterator[None]:
    """Points the cache and the bell at an address where nothing listens."""
    before = settings.CACHES
    address = f"redis://127.0.0.1:{closed_port()}/0"
    settings.CACHES = {"default": {"BACKEND": "gradus.redis_cache.Cache", "LOCATION": address}}
    try:
        yield
    finally:
        settings.CACHES = before


def walked(things: Things, clients: dict[str, Client], *, every: bool) -> dict[tuple[str, str], Any]:
    """The response of each route to everybody, or, unless `every` is asked, to the one of whom it asks most."""
    found = {}
    # A stream of events does not end; `tests/api/test_stream.py` reads one.
    for route in sorted(one for one in routes() if not one.endswith("/events")):
        names = {**things.of(route), "app_label": "submissions", "object_id": 1, "content_type_id": 1, "url": "x"}
        whom = "learner" if route in PRIVATE else "newcomer" if route in OPEN else "staff"
        for who, client in clients.items() if every else ((whom, clients[whom]),):
            response: Any = client.get(path(route, names))
            response.getvalue()
            for close in response._resource_closers:
                close()
            found[who, route] = response
    return found


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_route_answers_without_redis_as_with_it(
    things: Things, ada: User, guest: User, grace_client: Client, guest_client: Client, settings, every: bool
) -> None:
    clients = {"guest": guest_client, "learner": logged_in(ada), "staff": grace_client, "newcomer": Client()}
    for client in clients.values():
        client.raise_request_exception = False
    # A log-out ends the sessions, so each walk begins with new ones.
    before = walked(things, clients, every=every)
    assert sum(response.status_code == 200 for response in before.values()) > (200 if every else 100)
    clients |= {"learner": logged_in(ada), "staff": logged_in(User.objects.get(username="grace"))}
    for client in clients.values():
        client.raise_request_exception = False
    redis_cache.health_of.cache_clear()
    with away(settings):
        now = walked(things, clients, every=every)
    changed = {key for key, response in before.items() if now[key].status_code != response.status_code}
    assert changed == set()


def test_a_newcomer_signs_up_logs_in_and_submits_without_redis(course, without_redis) -> None:
    client = Client()
    given = {"email": "new@example.org", "password1": factories.PASSWORD}
    assert client.post("/challenges/sea-or-sky/submit", {"kind": "prompt", "instructions": "x"}).status_code == 302
    assert client.post("/accounts/signup/", given).status_code == 302
    client.logout()
    client.post("/accounts/login/", {"login": given["email"], "password": given["password1"]})
    assert "_auth_user_id" in client.session
    page = f"/submissions/{User.objects.get(email=given['email']).submissions.get().uuid}/"
    assert client.get(page).status_code == 200


def test_limits_hold_without_redis_and_keep_no_address(ada, without_redis, caplog) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        response = until_limited(Client(), "/accounts/signup/", {"email": "not an address"}, 40)
        assert int(response["Retry-After"]) > 0
        client = Client()
        for _ in range(5):
            client.post("/accounts/login/", {"login": ada.email, "password": "wrong-password"})
        client.post("/accounts/login/", {"login": ada.email, "password": factories.PASSWORD})
        assert "_auth_user_id" not in client.session
    counts = list(LimitCount.objects.all())
    kept = b" ".join(one.cache_key.encode() + base64.b64decode(one.value) for one in counts)
    # Three letters of a name can be in a digest by chance.
    assert len(counts) > 2 and b"127.0.0.1" not in kept and ada.email.encode() not in kept
    assert caplog.text.count("cache_away") == 1


def test_what_is_no_limit_is_a_miss_without_redis(db, without_redis) -> None:
    cache.set("board", 1)
    cache.set_many({"a": 1, "b": 2})
    assert (cache.get("board", "none"), cache.get_many(["a", "b"]), cache.has_key("board")) == ("none", {}, False)
    assert cache.add("board", 1) is True and cache.touch("board") is False and cache.delete("board") is False
    cache.delete_many(["a", "b"])
    cache.clear()
    assert not LimitCount.objects.exists()


def test_a_code_is_used_once_without_redis(db, without_redis) -> None:
    key = "allauth.mfa.totp.used?user=1&code=123456"
    assert [cache.add(key, "y", timeout=30) for _ in range(3)] == [True, False, False]


@pytest.fixture
def without_database(monkeypatch) -> Iterator[None]:
    """Sends the next connection to a port where nothing listens, or on SQLite into a folder that does not exist."""
    connection.close()
    wrong = (
        {"PORT": closed_port(), "HOST": "127.0.0.1"} if connection.vendor == "postgresql" else {"NAME": "/no/such/db"}
    )
    with monkeypatch.context() as patch:
        for name, value in wrong.items():
            patch.setitem(connection.settings_dict, name, value)
        yield
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("session", [False, True])
def test_without_its_database_the_site_says_503_and_writes_one_line(
    course, ada, client: Client, request: pytest.FixtureRequest, caplog, session: bool
) -> None:
    client = logged_in(ada) if session else client
    client.raise_request_exception = False
    pages = ("/leaderboards/", "/challenges/sea-or-sky/", *(("/profile/", "/notices/bell") if session else ()))
    calls = ("/api/v1/courses", "/api/v1/submissions")
    request.getfixturevalue("without_database")
    for address in (*pages, *calls):
        caplog.clear()
        answer: Any = client.get(address, headers={"Authorization": "Bearer gradus_x"} if "/api/" in address else {})
        assert (address, answer.status_code) == (address, 503)
        assert int(answer["Retry-After"]) > 0
        if address in calls:
            assert answer.json()["code"] == "unavailable"
        else:
            assert "database does not answer" in answer.content.decode()
        errors = [one for one in caplog.records if one.levelno >= logging.ERROR]
        assert len(errors) == 1 and "database_away" in errors[0].getMessage(), caplog.text
        assert "Traceback" not in caplog.text


def test_a_fault_of_the_site_is_still_a_500(db, client: Client, monkeypatch) -> None:
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("alter table courses_course rename to gone")
    assert client.get("/leaderboards/").status_code == 500
    assert client.get("/api/v1/courses").status_code == 500


@pytest.mark.parametrize("host", ["evil.example", "a b", ""])
def test_a_wrong_host_is_a_400(course, ada, client: Client, host: str, settings) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    for visitor in (client, logged_in(ada)):
        visitor.raise_request_exception = False
        for address in ("/", "/challenges/sea-or-sky/", "/accounts/login/", "/api/v1/courses", "/nothing/"):
            assert visitor.get(address, headers={"Host": host}).status_code == 400
