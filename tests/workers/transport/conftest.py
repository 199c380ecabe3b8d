"""A site that a worker reaches by HTTP without a network: requests go to Django's test client."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from gradus.fleet import tokens
from workers.transport.beside import Beside
from workers.transport.http import OverHttp

URL = "http://localhost"


class DjangoTransport(httpx.BaseTransport):
    """Answers requests with the site's views. `breaks` is called before each one, and may raise or answer itself."""

    def __init__(self):
        self.client = Client()
        self.asked = []
        self.breaks = lambda request: None
        self.loses = lambda request: False

    def handle_request(self, request):
        name = request.url.path.rpartition("/")[2]
        self.asked.append(name)
        if (answer := self.breaks(request)) is not None:
            return answer
        body = request.read()
        kept = {name: value for name, value in request.headers.items() if name not in ("content-length", "host")}
        sent = self.client.generic(
            request.method,
            request.url.path,
            body,
            request.headers.get("content-type", "application/octet-stream"),
            headers=kept,
        )
        if self.loses(request):
            raise httpx.ReadError("the answer was lost")
        return answered(sent.status_code, content_of(sent), dict(sent.items()))


def answered(status, content, headers=None):
    """An answer that can be read piece by piece, as one from a network."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


def content_of(answer):
    if not answer.streaming:
        return answer.content
    if not answer.is_async:
        return b"".join(answer.streaming_content)

    async def whole():
        return b"".join([piece async for piece in answer.streaming_content])

    return asyncio.run(whole())


@pytest.fixture
def network():
    return DjangoTransport()


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The folder of the worker's machine."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "worker"))
    return tmp_path / "worker"


@pytest.fixture
def token(db):
    """A token for all lanes, and its secret."""
    return tokens.make("lab-1", ["interactive", "grade", "train"], timezone.now() + timedelta(days=30), None)


@pytest.fixture
def elsewhere(token, network, data):
    """The site as a worker on another machine reaches it."""
    site = OverHttp(URL, token[1], waits=False, transport=network)
    yield site
    site.close()


@pytest.fixture(params=["beside", "elsewhere"])
def site(request, db):
    """The site as workers reach it, in both ways."""
    return Beside() if request.param == "beside" else request.getfixturevalue("elsewhere")
