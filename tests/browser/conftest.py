"""Fixtures: a browser, the site on an ASGI server, and a worker that answers from a table when a test asks for it.

They replace the fixtures of pytest-playwright, which keep the browser's event loop in the main thread until the session
ends, so that later tests could not use the database. These end with the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from gradus.accounts.models import User
from gradus.courses.models import Course
from tests.browser.driver import site
from tests.conftest import logged_in
from tests.learn import scene
from tests.waiting import PATIENCE_SECONDS
from tests.workers.test_work import TableRunner
from workers import status
from workers.work import Worker

PATIENCE_MS = PATIENCE_SECONDS * 1000
# A page in the background is not painted, so its font is used late. `test_a_page_uses_the_font_that_it_preloads` looks
# at what this warning is about.
UNPAINTED = "was preloaded using link preload but not used within a few seconds"
# The browser also reports the status of a form that the site refuses, which is expected.
REFUSED = "the server responded with a status of 422"
# A page that is left aborts what it was still asking for, and htmx reports that after an `htmx:afterRequest`.
LEFT = "htmx:sendAbort"
# A process in reserve for each context, which costs a third of it and is never used. The others are those that
# Playwright switches off in this list, and that a second list would switch on again.
SWITCHED_OFF = "--disable-features=" + ",".join(
    (
        "SpareRendererForSitePerProcess", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose",
        "HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding",
        "ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints",
        "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch",
    )
)  # fmt: skip
Work = Callable[[str], bool]
Visit = Callable[..., Page]


@pytest.fixture(scope="package")
def browser(chromium_path: str) -> Iterator[Browser]:
    # Playwright's event loop runs in this thread, so Django would refuse to use the database in it.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=PATIENCE_MS)
        # Without a window, letters are moved to whole pixels: lines would be 2 % shorter than in people's browsers.
        args = ["--no-sandbox", "--font-render-hinting=none", SWITCHED_OFF]
        browser = playwright.chromium.launch(executable_path=chromium_path, args=args)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    with site.running() as address:
        yield address


@pytest.fixture
def course(transactional_db: None, tmp_path) -> Course:
    """A lesson with advisor, demo, figures and questions, and the challenges of the tiny course."""
    return scene.scene_course(tmp_path / "scene")


@pytest.fixture
def expected_complaints() -> list[str]:
    """A test adds parts of the console messages that it causes on purpose, as by cutting the connection."""
    return [REFUSED]


@pytest.fixture
def visit(transactional_db: None, browser: Browser, address: str, expected_complaints: list[str]) -> Iterator[Visit]:
    """`visit(user=None, **options)` opens a new browser context for a visitor or a logged-in user.

    At the end no page may have reported a script error or a violation of the content security policy in its console,
    apart from those that the test expected.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if LEFT in message.text:
            if complaints and "htmx:afterRequest" in complaints[-1]:
                complaints.pop()
            return
        expected = any(part in message.text for part in [*expected_complaints, UNPAINTED])
        if message.type in ("error", "warning") and not expected:
            complaints.append(f"{message.location.get('url')}: {message.text}")

    def visit(user: User | None = None, **options: object) -> Page:
        context = browser.new_context(**{"base_url": address, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", hear)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        if user is not None:
            context.add_cookies([{"name": "sessionid", "value": session_of(user), "url": address}])
        return context.new_page()

    yield visit
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def page(visit: Visit) -> Page:
    """A page of a visitor who is not logged in."""
    return visit()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """`work(lane)` grades one evaluation of the lane."""
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})
    return lambda lane: Worker(lane, runner=TableRunner()).step()


@pytest.fixture(scope="package")
def axe() -> Axe:
    return Axe()


def session_of(user: User) -> str:
    client: Client = logged_in(user)
    return client.cookies["sessionid"].value
