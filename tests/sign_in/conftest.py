"""A school whose accounts people sign in with, and the way of a browser to it and back."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import httpx
import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from gradus.sign_in import configuration
from tests.sign_in.school import School

GOING = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')


class Browser:
    """A browser at this site and at schools."""

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or Client()

    def begin(self, school: str = "school", **asked: str) -> str:
        """Presses the button of the sign-in page. Returns the address at the school to which the browser goes."""
        given = {"process": "login", **asked}
        answer = self.client.post(f"/accounts/oidc/{school}/login/", query_params=given)
        found = GOING.search(answer.content.decode())
        assert found, answer.content.decode()
        return html.unescape(found[1])

    def at_school(self, there: str) -> str:
        """Returns the address of this site to which the school sends the browser back."""
        back = httpx.get(there).headers["Location"]
        return back.removeprefix("http://testserver")

    def sign_in(self, school: str = "school", **asked: str) -> Any:
        return self.client.get(self.at_school(self.begin(school, **asked)))

    @property
    def account(self) -> str | None:
        """The key of the account that is signed in."""
        return self.client.session.get("_auth_user_id")


@pytest.fixture
def person(db: None) -> Browser:
    return Browser()


def configure(settings: Settings, *entries: dict[str, Any]) -> None:
    settings.SIGN_IN_PROVIDERS = configuration.read(json.dumps(entries))


@pytest.fixture
def school(db: None, httpserver: HTTPServer, settings: Settings) -> School:
    made = School(httpserver)
    configure(settings, made.setting())
    return made
