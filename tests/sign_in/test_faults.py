"""A provider that is away, slow or broken costs a person a clear page, and the site nothing."""

from __future__ import annotations

import socket
from threading import Event
from typing import Any

import pytest
from django.core.cache import cache
from werkzeug import Response

from gradus.accounts.models import User
from gradus.sign_in import asking
from gradus.sign_in.models import LastRefusal
from tests.sign_in.conftest import Browser, configure
from tests.sign_in.school import School, as_json

PLACES = ["openid-configuration", "token", "userinfo", "keys"]
AWAY: dict[str, Any] = {"500": Response(status=500), "503": Response(status=503), "429": Response(status=429)}
BROKEN: dict[str, Any] = {
    "garbage": Response("<html>Sorry</html>"),
    "nothing": Response(""),
    "a list": as_json([1]),
    "an error with status 200": as_json({"error": "server_error"}),
    "a depth that no program reads": Response("[" * 200_000),
    "a redirect to this machine": Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    "404": Response(status=404),
    "bytes that are no text": Response(b"\xff\xfe"),
}


def sign_in(person: Browser, school: School, place: str) -> Any:
    if place == "openid-configuration":
        return person.client.post("/accounts/oidc/school/login/")
    return person.sign_in()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", AWAY)
def test_a_provider_that_cannot(place: str, fault: str, person: Browser, school: School) -> None:
    school.instead[place] = AWAY[fault]
    answer = sign_in(person, school, place)
    assert (answer.status_code, answer.headers["Retry-After"], person.account) == (503, "60", None)
    assert "The school does not answer at the moment" in answer.content.decode()
    assert LastRefusal.objects.get().code == "away" and not User.objects.exists()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", BROKEN)
def test_a_provider_that_answers_something_else(place: str, fault: str, person: Browser, school: School) -> None:
    school.instead[place] = BROKEN[fault]
    answer = sign_in(person, school, place)
    assert (answer.status_code, person.account) == (403, None)
    assert "do not understand each other" in answer.content.decode() and not User.objects.exists()
    assert LastRefusal.objects.get().code in ("answer", "issuer", "token", "keys")


def test_a_provider_that_nobody_reaches_is_not_asked_by_everybody(person: Browser, school: School, settings) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        configure(settings, school.setting(issuer=f"http://127.0.0.1:{closed.getsockname()[1]}/school"))
        first = person.client.post("/accounts/oidc/school/login/")
        assert "127.0.0.1 does not answer (ConnectError)" in LastRefusal.objects.get().detail
        again = person.client.post("/accounts/oidc/school/login/")
    assert first.status_code == again.status_code == 503
    assert LastRefusal.objects.get().detail == "it did not answer a moment ago"


def test_a_slow_provider_is_given_up_and_then_left_in_peace(person: Browser, school: School, monkeypatch) -> None:
    monkeypatch.setattr(asking, "STEP_SECONDS", 0.2)
    done = Event()

    def slow() -> Response:
        done.wait(30)
        return as_json({})

    back = person.at_school(person.begin())
    school.instead["token"] = slow
    try:
        answer = person.client.get(back)
        assert answer.status_code == 503 and "ReadTimeout" in LastRefusal.objects.get().detail
        asked = len(school.asked)
        other = Browser()
        assert other.client.post("/accounts/oidc/school/login/").status_code == 200
        assert len(school.asked) == asked
    finally:
        done.set()
    school.instead.clear()
    cache.clear()
    assert Browser().sign_in().status_code == 302


@pytest.mark.parametrize("limit", ["MOST_BYTES", "ALL_SECONDS"])
def test_an_answer_that_never_ends_is_given_up(limit: str, person: Browser, school: School, monkeypatch) -> None:
    back = person.at_school(person.begin())
    monkeypatch.setattr(asking, limit, 0)
    answer = person.client.get(back)
    assert answer.status_code == 503 and "ReadTimeout" in LastRefusal.objects.get().detail


def test_the_configuration_is_asked_for_once_in_some_minutes(person: Browser, school: School) -> None:
    for _ in range(3):
        Browser().sign_in()
    assert school.asked.count("openid-configuration") == school.asked.count("keys") == 1
