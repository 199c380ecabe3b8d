"""The page about costs in a browser: on a small screen, with a wrong price, and without breaking a rule of axe."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from gradus.submissions.models import Run
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


def test_a_wrong_price_is_corrected_and_an_attempt_measured(ada, course, visit):
    prompt = scene.attempt(ada, scene.factories.PROMPT, 0.7)
    scene.with_authors()
    page = visit(ada)
    page.goto("/challenges/sea-or-sky/costs/")
    page.get_by_label("Tokens read", exact=True).fill("a lot")
    page.get_by_role("button", name="Calculate with these prices").click()
    expect(page.get_by_text("Type an amount from 0 to 1,000,000")).to_be_visible()
    expect(page.get_by_label("Tokens read", exact=True)).to_have_value("a lot")
    page.get_by_label("Tokens read", exact=True).fill("0.15")
    page.get_by_role("button", name="Calculate with these prices").click()
    expect(page.get_by_text("These are the prices that you typed.")).to_be_visible()
    page.get_by_role("button", name="Measure Few-shot, your best").click()
    expect(page.get_by_text("waits until nothing else runs", exact=True)).to_be_visible()
    assert Run.objects.get().measures == prompt
