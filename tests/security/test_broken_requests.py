"""Requests that break off on their way, by raw sockets against the real web server: 400, and nothing stored."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from gradus.submissions.budgets.limits import ATTEMPTS
from tests.security import crowd_site

SECONDS = 20
JSON = b'{"kind":"prompt","instructions":"Sea or sky?"}'
FORM = b"kind=prompt&instructions=Sea+or+sky%3F&csrfmiddlewaretoken="
SECRET = b"c" * 32
SAID = b"The upload did not arrive completely"


@dataclass(frozen=True)
class Sender:
    site: crowd_site.CrowdSite
    token: str
    session: str

    def send(self, channel: str, headers: bytes, body: bytes, *, hang_up: bool = False) -> bytes:
        """The whole answer to a POST; with `hang_up` the sending side is closed before the body is complete."""
        path = b"/api/v1/challenges/sea-or-sky/submissions" if channel == "api" else b"/challenges/sea-or-sky/submit"
        cookies = b"Cookie: sessionid=" + self.session.encode() + b"; csrftoken=" + SECRET + b"\r\n"
        who = b"Authorization: Bearer " + self.token.encode() + b"\r\n" if channel == "api" else cookies
        head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + who + headers + b"\r\n"
        with socket.create_connection(("127.0.0.1", self.site.ports[0]), timeout=SECONDS) as connection:
            connection.sendall(head + body)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def stored(self) -> list[int]:
        """How many submissions, used attempts and evaluations there are."""
        path = self.site.env["DATABASE_URL"].removeprefix("sqlite:///")
        rows = ("submission", f"slot where \"limit\" = '{ATTEMPTS.name}'", "evaluation")
        with closing(sqlite3.connect(path)) as database:
            return [database.execute(f"select count(*) from submissions_{one}").fetchone()[0] for one in rows]


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    with crowd_site.opened(None) as site:
        pk, token = site.ask("learner", "0")
        yield Sender(site, token, site.ask("session", str(pk)))


def multipart(end: bytes) -> bytes:
    fields = {b"csrfmiddlewaretoken": SECRET, b"kind": b"prompt", b"instructions": b"Sea or sky?"}
    parts = [b'--x\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + fields[name] for name in fields]
    return b"\r\n".join(parts) + end


def of_length(kind: bytes, body: bytes, more: int = 0) -> bytes:
    return b"Content-Type: " + kind + b"\r\nContent-Length: " + str(len(body) + more).encode() + b"\r\n"


CHUNKED = b"\r\nTransfer-Encoding: chunked\r\n"
URLENCODED = b"application/x-www-form-urlencoded"
BROKEN = {
    "a bad chunk size": ("api", b"Content-Type: application/json" + CHUNKED, b"ZZ\r\n" + JSON + b"\r\n0\r\n\r\n"),
    "a bad size after a good chunk": (
        "api",
        b"Content-Type: application/json" + CHUNKED,
        f"{len(JSON):x}\r\n".encode() + JSON + b"\r\n-1\r\n\r\n",
    ),
    "chunks without their end": (
        "api",
        b"Content-Type: application/json" + CHUNKED,
        f"{len(JSON):x}\r\n".encode() + JSON + b"\r\n",
    ),
    "JSON shorter than its length": ("api", of_length(b"application/json", JSON, 1), JSON),
    "a form in a bad chunk": ("page", b"Content-Type: " + URLENCODED + CHUNKED, b"xyz\r\n" + FORM + SECRET),
    "a form shorter than its length": ("page", of_length(URLENCODED, FORM + SECRET, 1), FORM + SECRET),
    **{
        f"multipart that ends in {end!r}": (
            "page",
            of_length(b"multipart/form-data; boundary=x", multipart(end)),
            multipart(end),
        )
        for end in (b"", b"\r\n", b"\r\n--x", b"\r\n--x\r\n", b"\r\n--x-", b"\r\n--y--\r\n")
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_request_that_breaks_off_is_refused_and_nothing_is_stored(sender: Sender, name: str) -> None:
    channel, headers, body = BROKEN[name]
    before = sender.stored()
    answer = sender.send(channel, headers, body, hang_up=not name.startswith("multipart"))
    head, _, said = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), answer[:500]
    assert SAID in said and b"Traceback" not in said
    assert (b"application/problem+json" if channel == "api" else b"text/html") in head
    assert b"content-security-policy" in head.lower()
    assert sender.stored() == before


@pytest.mark.parametrize("text", [b"!!! no base64", b"U2VhIG9yIHNreT8"], ids=["broken", "cut short"])
@pytest.mark.parametrize("name", [b"Content-Transfer-Encoding", b"content-transfer-encoding "])
@pytest.mark.parametrize("file", [b"", b'; filename="a.jsonl"'], ids=["field", "file"])
def test_an_encoded_part_of_a_form_costs_no_attempt(sender: Sender, text: bytes, name: bytes, file: bytes) -> None:
    before = sender.stored()
    part = (
        b'\r\n--x\r\nContent-Disposition: form-data; name="note"' + file + b"\r\n" + name + b": base64\r\n\r\n" + text
    )
    body = multipart(part + b"\r\n--x--\r\n")
    answer = sender.send("page", of_length(b"multipart/form-data; boundary=x", body), body)
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:500]
    assert sender.stored() == before


@pytest.mark.parametrize("host", [b"", b"Host: evil.example\r\n", b"Host: a b\r\n"])
@pytest.mark.parametrize("path", [b"/", b"/api/v1/courses"])
def test_a_wrong_or_missing_host_is_a_400(sender: Sender, path: bytes, host: bytes) -> None:
    with socket.create_connection(("127.0.0.1", sender.site.ports[0]), timeout=SECONDS) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:300]


def test_a_large_body_is_refused_while_it_is_sent(sender: Sender) -> None:
    body = b'{"kind":"tune","rows":[' + b"{}," * 1_500_000
    answer = sender.send("api", of_length(b"application/json", body), body)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"too many parts" in answer, answer[:300]


@pytest.mark.parametrize("end", [b"\r\n--x--\r\n", b"\r\n--x--"])
def test_the_same_upload_with_its_end_is_taken(sender: Sender, end: bytes) -> None:
    before = sender.stored()
    body = multipart(end)
    answer = sender.send("page", of_length(b"multipart/form-data; boundary=x", body), body)
    assert answer.startswith(b"HTTP/1.1 302 "), answer[:500]
    assert sender.stored() == [count + 1 for count in before]


def test_a_body_in_good_chunks_is_read(sender: Sender) -> None:
    answer = sender.send("api", b"Content-Type: application/json" + CHUNKED, b'f\r\n{"kind":"poem"}\r\n0\r\n\r\n')
    assert answer.startswith(b"HTTP/1.1 422 ") and b"There is no such kind" in answer, answer[:500]
