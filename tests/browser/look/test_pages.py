"""All pages of the built-in course are accessible, on small screens and in both themes.

The quick gate looks for the same in `test_long_texts.py`, with longer words and without pages that differ in their
contents only.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.driver.pages import Pages, furnish
from tests.browser.driver.seen import wrong_with

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# All impacts that axe knows but "minor".
IMPACTS = ("moderate", "serious", "critical")


@pytest.fixture
def pages(ada, tmp_path) -> Pages:
    return furnish(tmp_path, ada)


@pytest.fixture
def walk(ada, grace, pages, visit):
    """`walk(**options)` opens every page as a user who may see it."""

    def walk(**options: object) -> Iterator[tuple[str, Page]]:
        for user, paths in ((None, [*pages.open, *pages.more]), (ada, pages.own), (grace, pages.staff)):
            page = visit(user, **options)
            for path in paths:
                response = page.goto(path)
                assert response is not None and response.ok, path
                yield path, page

    return walk


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360), ("light", 1920)])
def test_axe_finds_nothing_and_no_part_is_too_wide_or_cut(walk, axe, theme, width):
    found = {}
    size = {"width": width, "height": 740}
    for path, page in walk(color_scheme=theme, viewport=size, reduced_motion="reduce"):
        found |= {(path, rule): nodes for rule, nodes in barriers(axe, page).items()}
        if parts := wrong_with(page):
            found[path, "seen"] = parts
    assert not found


def barriers(axe: Axe, page: Page) -> dict[str, list[tuple[str, str]]]:
    """The first places of each rule that the page breaks."""
    return {
        rule["id"]: [(node["html"][:160], node["failureSummary"]) for node in rule["nodes"][:3]]
        for rule in axe.run(page).response["violations"]
        if rule["impact"] in IMPACTS
    }
