"""Bodies that are refused before they are parsed: too large for their address, too many parts, or too slow."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from challenges.files import nesting
from gradus import request_bodies
from gradus.django_internals import ThreadPoolHandler
from gradus.submissions.budgets import limits
from gradus.submissions.models import Slot, Submission
from tests.api.conftest import Caller
from tests.security.routes import path, routes

MIB = 1024 * 1024
API = sorted(route for route in routes() if route.startswith("api/v1/") and "<path>" not in route)
NAMES = {"slug": "sea-or-sky", "id": "sea-or-sky", "uuid": "00000000-0000-4000-8000-000000000000", "offset": 0}


def test_the_routes_with_rows_exist() -> None:
    assert set(routes()) >= request_bodies.ROUTES_WITH_ROWS | request_bodies.ROUTES_OF_PARTS


@pytest.mark.parametrize("route", API)
def test_no_call_parses_more_than_it_takes(route: str, ada, ada_api: Caller, sea_or_sky) -> None:
    """What is no JSON is refused for its size, so the parser has not seen it."""
    most = (6 * MIB) if route in request_bodies.ROUTES_WITH_ROWS else 64 * 1024
    most = 4 * MIB if route in request_bodies.ROUTES_OF_PARTS else most
    names = {**NAMES, "id": 1} if "<int:id>" in route else NAMES
    answer = ada_api.client.post(
        path(route, names), b"?" * (most + 1), content_type="application/json", headers=ada_api.headers
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert f"{most // 1024} KiB" in answer.json()["detail"]


@pytest.mark.parametrize(("call", "size"), [("challenges/sea-or-sky/submissions", 4_500_000), ("tokens", 60_000)])
def test_a_body_of_many_parts_or_levels_is_refused_before_it_is_parsed(
    call: str, size: int, ada_api: Caller, sea_or_sky
) -> None:
    """None of these is JSON, so a parser that had seen it would answer 400."""
    for part in (b"{},", b'"",', b'""', b"],", b"1,", b'{"a":"b"},'):
        body = b'{"kind":"tune","rows":[' + part * (size // len(part))
        answer = ada_api.client.post(f"/api/v1/{call}", body, content_type="application/json", headers=ada_api.headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large"), part
        assert "too many parts" in answer.json()["detail"]
    deep = b'{"kind":"tune","rows":' + b"[" * size
    answer = ada_api.client.post(f"/api/v1/{call}", deep, content_type="application/json", headers=ada_api.headers)
    assert (answer.status_code, answer.json()["detail"]) == (400, "The JSON is nested too deeply: flatten it.")


def test_counting_stops_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    class Counting:
        def finditer(self, text: str) -> Any:
            nonlocal looked
            for found in re.finditer(r"[{}]", text):
                looked += 1
                yield found

    monkeypatch.setattr(nesting, "_PART", Counting())
    assert nesting.has_more_parts("{}," * 1_000_000, 100)
    assert looked == 101


@pytest.mark.parametrize(("text", "parts"), [('{"a": [1, 2]}', 6), ('["{,[\\\\"]', 3), ('"a,b,c', 1), ("", 0)])
def test_parts_are_strings_brackets_and_commas(text: str, parts: int) -> None:
    assert [nesting.has_more_parts(text, most) for most in range(8)] == [most < parts for most in range(8)]


def test_the_largest_submission_is_still_read(ada, ada_api: Caller, course) -> None:
    """2,000 rows of preferences, with long texts: refused by the challenge, not for the size of its body."""
    rows = [{"prompt": "x" * 200, "chosen": f"a{number}," * 20, "rejected": "b" * 200} for number in range(2000)]
    body = {"kind": "tune", "rows": rows, "method": "dpo", "hyperparameters": {"r": 8}}
    assert len(json.dumps(body)) > MIB
    assert ada_api.post("/challenges/sea-or-sky/submissions", body).status_code == 422


def test_a_form_that_is_too_large_says_how_much_fits(ada_client: Client, sea_or_sky) -> None:
    answer = ada_client.post("/challenges/sea-or-sky/report/", {"text": "x" * 70_000})
    assert answer.status_code == 413 and "at most 64 KiB" in answer.content.decode()
    large = {"kind": "prompt", "instructions": "x" * 7 * MIB}
    assert ada_client.post("/challenges/sea-or-sky/submit", large).status_code == 413
    assert not Submission.objects.exists() and not Slot.objects.of(limits.ATTEMPTS).exists()


async def asked(
    handler: ThreadPoolHandler, receive: Callable[[], Awaitable[Any]], *headers: tuple[bytes, bytes]
) -> Any:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/tokens",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json"), *headers],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
    }
    await asyncio.wait_for(handler(scope, receive, send), 30)
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_body_that_does_not_arrive_in_time_is_refused() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    status, said = asyncio.run(asked(ThreadPoolHandler(1, body_seconds=0.1), receive))
    assert (status, said["code"]) == (408, "too_slow") and "took too long" in said["detail"]


def test_a_part_of_an_archive_has_more_time_than_other_bodies() -> None:
    for part in request_bodies.ROUTES_OF_PARTS:
        most = request_bodies.most_seconds(path(part, NAMES))
        assert most == 2 * request_bodies.most_seconds("/api/v1/tokens")


def test_a_body_without_a_length_is_read_up_to_the_limit() -> None:
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 16 * 1024
        return {"type": "http.request", "body": b" " * 16 * 1024, "more_body": True}

    status, said = asyncio.run(asked(ThreadPoolHandler(1), receive))
    assert (status, said["code"], read) == (413, "too_large", 80 * 1024)


def test_a_body_whose_length_is_too_large_is_not_read() -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("it was read")

    status, said = asyncio.run(asked(ThreadPoolHandler(1), receive, (b"content-length", b"4500000")))
    assert (status, said["code"]) == (413, "too_large")


def seconds_to_read(body: bytes) -> float:
    """CPU seconds for a multipart body with the boundary b."""
    reader = request_bodies.MultipartReader(BytesIO(body), "b")
    before = time.process_time()
    with suppress(request_bodies.RefusedBody):
        reader.check()
    return time.process_time() - before


def test_many_delimiters_cost_what_as_many_lines_cost() -> None:
    """The search for an encoded part took two seconds for 64 KiB of delimiters, three hundred times as long."""
    lines, delimiters = b"xxx\r\n" * 13_000, b"--b\r\n" * 13_000
    plain = min(seconds_to_read(lines) for _ in range(5))
    assert min(seconds_to_read(delimiters) for _ in range(5)) < 60 * max(plain, 0.0002)


def test_an_encoded_part_behind_other_parts_is_found() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\ntext\r\n'
    encoded = b'--b\r\nContent-Disposition: form-data; name="c"\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n'
    with pytest.raises(request_bodies.EncodedPart):
        request_bodies.MultipartReader(BytesIO(part + encoded + b"--b--\r\n"), "b").check()
    request_bodies.MultipartReader(BytesIO(part + part + b"--b--\r\n"), "b").check()
