"""Every text of every page is marked for translation.

A page is named by its view. `frame` is what stands around the `main` of every page.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve
from django.utils.translation import override
from django.views import defaults

from gradus.accounts.models import User
from gradus.accounts.rate_limits import too_many
from gradus.request_checks import bad_request
from tests.browser.driver.pages import furnish
from tests.words.unmarked import unmarked

Found = dict[str, dict[str, list[str]]]


@pytest.fixture
def found(ada: User, ada_client: Client, grace_client: Client, client: Client, tmp_path: Path, pseudo: str) -> Found:
    """Returns the unmarked texts of each page with content, by its view and its address."""
    with override("en"):
        pages = furnish(tmp_path, ada)
    found: Found = {"frame": {}}
    for visitor, paths in (
        (client, [*pages.open, *pages.more]),
        (ada_client, pages.own),
        (grace_client, [*pages.staff, "/admin/health/", "/admin/workers/"]),
    ):
        for path in paths:
            answer = visitor.get(path)
            assert answer.status_code == 200, path
            html = answer.content.decode()
            found.setdefault(resolve(path.partition("?")[0]).view_name, {})[path] = unmarked(html)
            if not path.startswith("/admin/"):
                found["frame"][path] = unmarked(html, frame=True)
    return found


def test_every_page_is_marked(found: Found) -> None:
    assert len(found) > 25
    assert {path: texts for pages in found.values() for path, texts in pages.items() if texts} == {}


def answers() -> dict[str, Callable[[], HttpResponse]]:
    """Returns what makes each error page, as the site answers with it."""
    request = RequestFactory().get("/nowhere/")
    return {
        "400": lambda: bad_request(request, ValueError()),
        "400, a wrong character": lambda: Client().get("/?q=a%00b"),
        "403": lambda: defaults.permission_denied(request, PermissionDenied()),
        "403, no token": lambda: Client(enforce_csrf_checks=True).post("/accounts/login/"),
        "404": lambda: Client().get("/nowhere/"),
        "405": lambda: Client().get("/contributions/1/withdraw"),
        "429": lambda: too_many(request, 90),
        "429, minutes": lambda: too_many(request, 60 * 20),
        "500": lambda: defaults.server_error(request),
    }


@pytest.mark.parametrize("name", sorted(answers()))
def test_error_pages_are_marked(db: None, pseudo: str, name: str) -> None:
    answer = answers()[name]()
    assert answer.status_code == int(name[:3])
    html = answer.content.decode()
    assert '<html lang="en-xa"' in html
    assert unmarked(html) == []
