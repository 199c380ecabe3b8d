"""The data that a browser receives at the first view of a page, with static files collected by `collectstatic`."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from http.client import HTTPResponse as Answer
from pathlib import Path

import brotli
import pytest
from django.conf import settings as site_settings
from django.core.management import call_command
from django.test import override_settings
from playwright.sync_api import Browser

from benchmarks.pages.budgets import KB, most_bytes
from benchmarks.pages.wire import Wire
from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.submissions import services
from gradus.submissions.models import Run
from tests import factories
from tests.browser.conftest import session_of
from tests.browser.driver import site
from tests.browser.driver.seen import first_quick
from tests.deploy.nginx import Front
from tests.learn import scene

TAKES_BOTH = {"Accept-Encoding": "gzip, deflate, br"}
YEAR = "max-age=31536000, public, immutable"
STORE = {"staticfiles": {"BACKEND": "gradus.static_files.Storage"}}


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The collected static files of Gradus, without those of packages, which these pages do not use."""
    folder = tmp_path_factory.mktemp("collected")
    finders = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    stores = {**site_settings.STORAGES, **STORE}
    with override_settings(STATIC_ROOT=folder, STATICFILES_FINDERS=finders, STORAGES=stores):
        call_command("collectstatic", interactive=False, verbosity=0)
    return folder


@pytest.fixture
def port(collected: Path, transactional_db: None, settings) -> Iterator[int]:
    settings.STATIC_ROOT = collected
    settings.STORAGES = {**settings.STORAGES, **STORE}
    with site.running(collected) as address:
        yield int(address.rpartition(":")[2])


def get(port: int, path: str, **headers: str) -> tuple[Answer, bytes]:
    link = HTTPConnection("127.0.0.1", port, timeout=20)
    link.request("GET", path, headers=headers)
    answer = link.getresponse()
    body = answer.read()
    link.close()
    return answer, body


def files_of(page: bytes) -> set[str]:
    return set(re.findall(r'"(/static/[^"#]+)', page.decode()))


def test_every_file_of_a_page_is_small_and_kept_for_a_year(port: int, course: Course) -> None:
    files = files_of(get(port, "/")[1])
    assert len(files) > 15
    for file in files:
        answer, body = get(port, file, **TAKES_BOTH)
        assert answer.headers["Cache-Control"] == YEAR, file
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", file)
        if file.endswith(".woff2"):  # The format is compressed in itself.
            assert not answer.headers["Content-Encoding"] and len(body) < 60 * KB
            continue
        assert answer.headers["Vary"] == "Accept-Encoding", file
        plain = get(port, file)[1]
        if answer.headers["Content-Encoding"]:
            assert answer.headers["Content-Encoding"] == "br" and brotli.decompress(body) == plain, file
        else:
            assert len(plain) < (60 * KB if file.endswith(".woff2") else KB), file
    (style,) = [file for file in files if "bootstrap" in file]
    answer, body = get(port, style, **{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip" and gzip.decompress(body) == get(port, style)[1]


@pytest.mark.nginx
def test_nginx_sends_the_same_files_compressed_and_for_a_year(port: int, collected: Path, tmp_path: Path) -> None:
    files = files_of(get(port, "/")[1])
    front = Front(tmp_path, port, collected)
    with front.running():
        for file in files:
            answer = front.get(file, **TAKES_BOTH)
            assert answer.status == 200, file
            assert ", ".join(answer.headers.get_all("Cache-Control")) == YEAR, file
            if answer.headers["Content-Encoding"]:
                assert answer.headers["Content-Encoding"] == "gzip" and answer.headers["Vary"] == "Accept-Encoding"
                assert gzip.decompress(answer.body) == get(port, file)[1]
            else:
                assert file.endswith(".woff2") or len(answer.body) < KB, file


def test_what_a_module_imports_is_named_by_its_content_too(port: int, course: Course) -> None:
    (charts,) = [file for file in files_of(get(port, "/")[1]) if "/charts." in file]
    imported = re.search(rb'from "\./(drawings\.[0-9a-f]{12}\.js)"', get(port, charts)[1])
    assert imported
    assert get(port, f"/static/js/{imported[1].decode()}")[0].headers["Cache-Control"] == YEAR


def test_nothing_outside_the_folder_is_a_file(port: int, course: Course, collected: Path) -> None:
    (collected.parent / "secret.txt").write_text("not for you")
    for path in ("/static/../secret.txt", "/static/%2e%2e/secret.txt", "/static//../secret.txt", "/static/none.css"):
        answer, body = get(port, path)
        assert answer.status == 404 and b"not for you" not in body


def test_pages_are_compressed_and_their_length_tells_nothing(port: int, course: Course) -> None:
    plain = get(port, "/lessons/first/")[1]
    answers = [get(port, "/lessons/first/", **TAKES_BOTH) for _ in range(8)]
    assert {answer.headers["Content-Encoding"] for answer, _ in answers} == {"gzip"}
    assert all("Accept-Encoding" in answer.headers["Vary"] for answer, _ in answers)
    assert all(len(body) < len(plain) / 2 for _, body in answers)
    assert len({len(body) for _, body in answers}) > 1


def test_events_are_not_held_back(port: int, course: Course, ada: User) -> None:
    """The first event arrives while the run is still open, even if the browser accepts compression."""
    version = factories.challenge("sea-or-sky").version
    run = services.start_run(ada, version, {"kind": "prompt"})
    link = HTTPConnection("127.0.0.1", port, timeout=20)
    link.request("GET", f"/runs/{run.uuid}/events", headers={**TAKES_BOTH, "Cookie": f"sessionid={session_of(ada)}"})
    answer = link.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream" and not answer.headers["Content-Encoding"]
    assert answer.readline().startswith(b"event: state")
    assert Run.objects.get().current.is_open
    link.close()


OPEN = [
    "/",
    "/path/",
    "/courses/tiny/",
    "/lessons/first/",
    "/lessons/first/advisor/",
    "/lessons/first/findings/few-shot/",
    "/challenges/sea-or-sky/",
    "/challenges/sea-or-sky/?track=tune",
    "/challenges/ticket/",
    "/challenges/explain/",
    "/challenges/sea-or-sky/costs/",
    "/leaderboards/",
    "/leaderboards/sea-or-sky/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
]
# One of each weight.
FEW = ["/", "/lessons/first/", "/challenges/sea-or-sky/", "/challenges/explain/"]
# Only these have a field that the editor takes over.
WITH_EDITOR = [path for path in OPEN if "/challenges/" in path and "explain" not in path and "costs" not in path]


@first_quick("paths", FEW, [path for path in OPEN if path not in FEW])
def test_a_first_view_is_light(port: int, course: Course, browser: Browser, paths: list[str]) -> None:
    for path in paths:
        size = {"width": 1280, "height": 800}
        page = browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport=size).new_page()
        wire = Wire(page)
        answer = page.goto(path, wait_until="networkidle")
        assert answer is not None and answer.ok, path
        assert 20 * KB < wire.bytes < most_bytes(path), (path, wire.heaviest(6))
        assert "echarts" not in wire.libraries and ("editor" in wire.libraries) == (path in WITH_EDITOR), path
        page.context.close()


def test_charts_load_when_they_are_seen(port: int, course: Course, browser: Browser) -> None:
    scene.with_baselines(factories.challenge("sea-or-sky").version)
    page = browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport={"width": 1280, "height": 300}).new_page()
    wire = Wire(page)
    page.goto("/lessons/first/", wait_until="networkidle")
    assert "echarts" not in wire.libraries
    page.locator("figure[data-chart]").first.scroll_into_view_if_needed()
    page.locator("figure[data-chart] svg").first.wait_for()
    assert "echarts" in wire.libraries
    page.context.close()


@first_quick("act", "scroll", "print")
def test_formulas_load_when_somebody_scrolls_or_prints(port: int, course: Course, browser: Browser, act: str) -> None:
    page = browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport={"width": 1280, "height": 120}).new_page()
    wire = Wire(page)
    page.goto("/lessons/first/", wait_until="networkidle")
    assert "katex" not in wire.libraries and page.locator(".math").first.text_content()
    if act == "scroll":
        page.mouse.wheel(0, 10)
    else:
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.locator(".math .katex").first.wait_for(state="attached")
    assert "katex" in wire.libraries
    page.context.close()
