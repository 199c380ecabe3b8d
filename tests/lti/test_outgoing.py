"""Requests to platforms reach no private network, and end whatever the platform does."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gradus import outgoing
from gradus.outgoing import Unreachable


@pytest.fixture
def here(settings: Any) -> None:
    settings.LTI_PRIVATE_HOSTS = ["localhost", "127.0.0.1"]


@pytest.mark.parametrize(
    "ip",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "fc00::1", "fe80::1%eth0", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "ff02::1", "::"),
    ],
)
def test_no_private_address_is_reached_by_a_public_name(monkeypatch: pytest.MonkeyPatch, ip: str) -> None:
    """One private address among public ones is enough."""
    found = [(0, 0, 0, "", (one, 443)) for one in ("93.184.216.34", ip)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_given, **_named: found)
    with pytest.raises(Unreachable, match="private network"):
        outgoing.send("GET", "https://platform.example.org/keys")


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            "keys",
            "ftp://example.org",
            "http://example.org/keys",
            "//example.org",
            "https://",
            "https://a:b@example.org",
        ),
        *("https://example.org:0/", "https://example.org/#x", "https://example.org/\n", "file:///etc/passwd"),
        *("https://[::1", "https://300.1.1.1/jwks", "https://xn--/"),
    ],
)
def test_an_address_that_is_none(address: str) -> None:
    assert outgoing.problem_of(address)
    with pytest.raises(Unreachable):
        outgoing.send("GET", address)


def test_this_machine_is_reached_only_where_an_operator_allows_it(httpserver: HTTPServer, settings: Any) -> None:
    httpserver.expect_request("/keys").respond_with_json({"keys": []})
    with pytest.raises(Unreachable):
        outgoing.send("GET", httpserver.url_for("/keys"))
    settings.LTI_PRIVATE_HOSTS = ["LOCALHOST"]
    answer = outgoing.send("GET", httpserver.url_for("/keys"))
    assert answer.json() == {"keys": []}
    ((request, _response),) = httpserver.log
    assert request.headers["Host"] == f"localhost:{httpserver.port}"


def test_a_redirect_is_not_followed(httpserver: HTTPServer, here: None) -> None:
    httpserver.expect_request("/keys").respond_with_data(status=302, headers={"Location": "/secret"})
    with pytest.raises(Unreachable, match="not followed"):
        outgoing.send("GET", httpserver.url_for("/keys"))
    assert len(httpserver.log) == 1


def test_an_answer_has_an_end(httpserver: HTTPServer, here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "MOST_BYTES", 1000)
    httpserver.expect_request("/large").respond_with_data(b"a" * 2000)
    with pytest.raises(Unreachable, match="too large"):
        outgoing.send("GET", httpserver.url_for("/large"))
    httpserver.expect_request("/html").respond_with_data(b"<html>")
    with pytest.raises(Unreachable, match="not JSON"):
        outgoing.send("GET", httpserver.url_for("/html")).json()
    httpserver.expect_request("/deep").respond_with_data(b"[" * 900)
    with pytest.raises(Unreachable, match="not JSON"):
        outgoing.send("GET", httpserver.url_for("/deep")).json()


def test_a_platform_that_dribbles_is_given_up(
    httpserver: HTTPServer, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece comes in time, and all of them do not."""
    monkeypatch.setattr(outgoing, "ALL_SECONDS", 0.0)
    httpserver.expect_request("/slow").respond_with_handler(lambda _request: Response(iter([b"a"] * 5)))
    with pytest.raises(Unreachable, match="too long"):
        outgoing.send("GET", httpserver.url_for("/slow"))


def test_a_platform_that_says_nothing_is_given_up(here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "STEP_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(Unreachable, match="took too long") as told:
            outgoing.send("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/keys")
        assert not told.value.is_certain and time.monotonic() - began < 10


def test_a_platform_that_is_not_there(here: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    with pytest.raises(Unreachable, match="does not answer") as told:
        outgoing.send("GET", f"http://127.0.0.1:{port}/keys")
    assert told.value.is_certain


@pytest.mark.parametrize(("status", "is_certain"), [(400, True), (429, True), (500, False), (503, False)])
def test_a_refusal_says_whether_anything_was_done(
    httpserver: HTTPServer, here: None, status: int, is_certain: bool
) -> None:
    def answer(_request: Request) -> Response:
        return Response(status=status, headers={"Retry-After": "30"})

    httpserver.expect_request("/scores").respond_with_handler(answer)
    with pytest.raises(Unreachable) as told:
        outgoing.send("POST", httpserver.url_for("/scores"), content=b"{}")
    assert (told.value.status, told.value.is_certain, told.value.retry_after) == (status, is_certain, 30)
