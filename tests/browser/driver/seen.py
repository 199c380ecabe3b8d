"""What is wrong with a page as it is seen: parts that are wider than the window, and text that is cut off."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS = (360, 1280, 1920)


def first_quick(names: str | tuple[str, ...], *cases: Any) -> pytest.MarkDecorator:
    """Cases that go the same way through the code: the quick gate has the first one, `-m slow` all others."""
    first, *others = (case if isinstance(case, tuple) else (case,) for case in cases)
    slow = [pytest.param(*case, marks=pytest.mark.slow) for case in others]
    return pytest.mark.parametrize(names, [pytest.param(*first), *slow])


looks = first_quick(
    ("width", "scheme"),
    (360, "dark"),
    *((width, scheme) for width in WIDTHS for scheme in ("light", "dark") if (width, scheme) != (360, "dark")),
)
"""A page at each width in both themes; in the quick gate at one of them."""

TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > width + 1);
  return wide.slice(0, 5).map((e) => e.outerHTML.slice(0, 120));
}"""
# A part may scroll; a part that does not must have room for its words.
CUT = """() => {
  const parts = "h1, h2, h3, h4, button, .btn, summary, label, legend, th, td, dt, dd, [role=tab]";
  const found = [...document.querySelectorAll(parts)].filter((one) => {
    const { overflowX, visibility } = getComputedStyle(one);
    if (!one.checkVisibility() || visibility === "hidden" || one.closest(".visually-hidden, .katex")) return false;
    if (["auto", "scroll"].includes(overflowX) || one.clientWidth < 8) return false;
    return one.scrollWidth > one.clientWidth + 1;
  });
  return found.slice(0, 5).map((one) => one.outerHTML.slice(0, 120));
}"""


def wrong_with(page: Page) -> list[str]:
    """One line for each part that is too wide or cut."""
    wide = [f"wider than the window: {one}" for one in page.evaluate(TOO_WIDE)]
    return wide + [f"cut: {one}" for one in page.evaluate(CUT)]


def look_at(page: Page, axe: Axe) -> None:
    """Fails where a part of the page is too wide or cut, and at any barrier that axe finds."""
    assert wrong_with(page) == [], (page.url, page.viewport_size)
    found = axe.run(page).response["violations"]
    barriers = [(rule["id"], node["html"][:160], node["failureSummary"]) for rule in found for node in rule["nodes"]]
    assert barriers == [], (page.url, page.viewport_size)


def look_all_over(page: Page, axe: Axe) -> None:
    """Looks at a page at each width and in both themes. Its colours must not move: `reduced_motion="reduce"`.

    After a click, first expect what the next page shows: until then this looks at a page that is being left.
    """
    for width, theme in zip(WIDTHS, ("dark", "light", "dark"), strict=True):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("(theme) => document.documentElement.setAttribute('data-bs-theme', theme)", theme)
        look_at(page, axe)
