"""The workbench: tabs, samples that become examples, drafts that come back, and buttons that stay in sight."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.submissions import services
from tests import factories
from tests.browser.conftest import Visit
from tests.browser.driver.seen import first_quick

HERE = "/challenges/sea-or-sky/"
WIDE, NARROW = {"width": 1280, "height": 720}, {"width": 360, "height": 740}


def test_run_and_submit_stay_in_sight(course: Course, visit: Visit) -> None:
    page = visit(viewport=WIDE)
    page.goto(HERE)
    for _ in range(5):
        page.get_by_role("button", name="Add an example").click()
    page.locator(".example-row").last.scroll_into_view_if_needed()
    for name in ("Run", "Submit"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport()
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


@first_quick("size", NARROW, WIDE)
def test_run_and_submit_stay_in_sight_over_results(course: Course, ada: User, visit: Visit, size: Any) -> None:
    """The buttons can be pressed beside the last row of a result, and cover no part of it."""
    run = services.start_run(ada, factories.challenge("sea-or-sky").version, factories.PROMPT)
    factories.grade(run, result=factories.result_for(run, wrong=2))
    page = visit(ada, viewport=size)
    page.goto(f"{HERE}#work")
    page.get_by_role("link", name="Show its results").click()
    expect(page.get_by_role("heading", name="Which labels are mixed up")).to_be_visible()
    last = page.locator("#run .facts").last
    last.scroll_into_view_if_needed()
    for name in ("Run", "Submit"):
        button = page.get_by_role("button", name=name, exact=True)
        expect(button).to_be_in_viewport(ratio=1)
        button.click(trial=True)
    bar, end = page.locator(".bench-bar").bounding_box(), last.bounding_box()
    assert bar and end and (end["y"] >= bar["y"] + bar["height"] or end["y"] + end["height"] <= bar["y"])
    above = page.locator("#run .weak-spot, #run .confusion, #run ol.rows")
    assert [one.get_attribute("class") for one in above.all()] == ["weak-spot", "confusion", "rows"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_sides_are_tabs_on_a_phone(course: Course, visit: Visit) -> None:
    page = visit(viewport=NARROW, has_touch=True)
    page.goto(HERE)
    expect(page.get_by_role("tab", name="Challenge")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_hidden()
    page.get_by_role("tab", name="Your solution").click()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_in_viewport()
    page.reload()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_tabs_are_chosen_with_arrows_and_remembered(course: Course, visit: Visit) -> None:
    page = visit(viewport=WIDE)
    page.goto(HERE)
    page.get_by_role("tab", name="Task").focus()
    page.keyboard.press("ArrowRight")
    tab = page.get_by_role("tab", name="Samples")
    expect(tab).to_be_focused()
    expect(page.locator(".sample-list")).to_be_visible()
    page.reload()
    expect(page.locator(".sample-list")).to_be_visible()
    page.goto(HERE + "#hints")
    expect(page.get_by_role("button", name="Show a hint")).to_be_visible()


def test_a_sample_becomes_an_example(course: Course, visit: Visit) -> None:
    page = visit(viewport=WIDE)
    page.goto(HERE)
    page.get_by_role("tab", name="Samples").click()
    sample = page.locator(".sample-list > li").first
    said = sample.locator(".sample-input").inner_text(), sample.locator(".sample-expected").inner_text()
    sample.get_by_role("button").click()
    expect(page.locator("[name=example_input]").first).to_have_value(said[0])
    expect(page.locator("[name=example_output]").first).to_have_value(said[1])
    page.locator(".sample-list > li").nth(1).get_by_role("button").click()
    expect(page.locator("[name=example_input]")).to_have_count(2)


def test_what_is_typed_comes_back(course: Course, ada: User, visit: Visit) -> None:
    page = visit(ada, viewport=WIDE)
    page.goto(HERE)
    page.locator(".cm-content").first.fill("Sea or sky? Think.")
    page.get_by_role("button", name="Add an example").click()
    page.locator("[name=example_input]").last.fill("The waves are high")
    page.goto("/path/")
    page.goto(HERE)
    expect(page.locator("[name=instructions]")).to_have_value("Sea or sky? Think.")
    expect(page.locator("[name=example_input]").last).to_have_value("The waves are high")
    expect(page.get_by_text("is back.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[name=instructions]")).not_to_have_value("Sea or sky? Think.")
    page.reload()
    expect(page.locator("[name=instructions]")).not_to_have_value("Sea or sky? Think.")
