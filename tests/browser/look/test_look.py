"""The frame of all pages: fonts that come late move nothing, and the header keeps its rows."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.driver.seen import first_quick

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# The size of a line of text in the shipped face, and in each stand-in that this machine has.
LINES = """async () => {
  const faces = ["Source Sans 3", "Fallback Arial", "Fallback Roboto", "Fallback DejaVu"];
  const text = "Each lesson ends in challenges that run on a real model, and your work is graded automatically.";
  const found = {};
  for (const face of faces) {
    const loaded = await document.fonts.load(`16px "${face}"`).catch(() => []);
    if (!loaded.length) continue;
    const line = Object.assign(document.createElement("span"), { textContent: text });
    line.style.cssText = `position: absolute; white-space: nowrap; font: 16px/normal "${face}"`;
    document.body.append(line);
    const { width, height } = line.getBoundingClientRect();
    found[face] = [width, height];
  }
  return found;
}"""
ROWS = """() => [...document.querySelectorAll(".site-header a, .site-header button, .site-header summary")]
  .filter((e) => e.checkVisibility())
  .map((e) => e.getBoundingClientRect())
  .map(({ top, bottom }) => Math.round((top + bottom) / 2))"""


def test_a_font_that_comes_late_moves_nothing(course, page):
    page.goto("/")
    lines = page.evaluate(LINES)
    own = lines.pop("Source Sans 3")
    if not lines:
        pytest.skip("this machine has none of the fonts that stand in")
    for face, (width, height) in lines.items():
        assert width == pytest.approx(own[0], rel=0.02), face
        assert height == pytest.approx(own[1], abs=1), face


@first_quick(("width", "rows", "most"), (360, 2, 84), (1280, 1, 49))
def test_the_header_is_low_and_does_not_wrap(course, grace, visit, width, rows, most):
    for user in (None, grace):
        page = visit(user, viewport={"width": width, "height": 740})
        page.goto("/")
        height = page.locator(".site-header").evaluate("(e) => e.getBoundingClientRect().height")
        middles = sorted(page.evaluate(ROWS))
        gaps = [b - a for a, b in pairwise(middles) if b - a > 8]
        assert height <= most and len(gaps) == rows - 1
        last = page.locator(".site-nav a").last.evaluate("(e) => e.getBoundingClientRect().right")
        assert last <= width, "the last place is out of sight"


def test_a_long_name_is_cut_so_that_the_header_keeps_its_rows(course, ada, visit):
    ada.pseudonym = "W" * 40
    ada.save()
    factories.grade(factories.submit(ada, payload=factories.LORA))
    page = visit(ada, viewport={"width": 360, "height": 740})
    page.goto("/")
    expect(page.get_by_role("link", name="Notices: 1 new")).to_be_in_viewport(ratio=1)
    assert page.locator(".site-header").evaluate("(e) => e.getBoundingClientRect().height") <= 84
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator(".menu > summary").click()
    expect(page.get_by_role("link", name="Two-factor authentication")).to_be_in_viewport(ratio=1)


def test_the_place_of_a_page_is_marked_in_the_header(course, client):
    for path, name, kind in (
        ("/", "Courses", "page"),
        ("/lessons/first/", "Courses", "true"),
        ("/path/", "Your path", "page"),
        ("/leaderboards/sea-or-sky/", "Leaderboards", "true"),
    ):
        header = client.get(path).content.decode().partition("</header>")[0]
        assert re.findall(r'aria-current="(\w+)"[^>]*>\s*([^<]*?)\s*<', header) == [(kind, name)]
