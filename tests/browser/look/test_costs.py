"""The page about costs in a browser: on a small screen, with a wrong price, and without breaking a rule of axe."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.driver.seen import first_quick, look_at
from tests.learn.costs import compared as scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CUT = (
    "() => [...document.querySelectorAll('.table-wrap')].filter((one) => one.scrollWidth > one.clientWidth + 1).length"
)


@first_quick("scheme", "dark", "light")
def test_every_number_is_in_sight_at_360_px(ada, course, visit, axe, scheme):
    scene.compared(ada)
    page = visit(ada, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.goto("/challenges/sea-or-sky/costs/")
    expect(page.get_by_text("Size on disk").first).to_be_visible()
    assert page.evaluate(CUT) == 0
    look_at(page, axe)
