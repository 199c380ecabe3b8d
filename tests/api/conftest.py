from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from gradus.accounts.models import ApiToken, User


class Caller:
    """Calls the API with a bearer token, and without cookies."""

    def __init__(self, secret: str | None) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1{path}", headers={**self.headers, **headers})

    def post(self, path: str, data: Any = None, **headers: str) -> Any:
        return self.client.post(
            f"/api/v1{path}", data, content_type="application/json", headers={**self.headers, **headers}
        )

    def put(self, path: str, data: Any) -> Any:
        return self.client.put(f"/api/v1{path}", data, content_type="application/json", headers=self.headers)


@pytest.fixture
def ada_api(ada: User) -> Caller:
    return Caller(ApiToken.issue(ada, "tests")[1])


@pytest.fixture
def bob_api(bob: User) -> Caller:
    return Caller(ApiToken.issue(bob, "tests")[1])


@pytest.fixture
def open_api(db: None) -> Caller:
    """Nobody."""
    return Caller(None)


def problem(response: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """The body, after the checks that every error has to pass."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()  # type: ignore[attr-defined]
    assert set(body) == {"type", "title", "status", "detail", "code", "problems"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["detail"]
    return body
