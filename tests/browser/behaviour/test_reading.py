"""Reading a lesson: where one is, how far one has come, and going on there another time."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from gradus.courses.services import publish
from tests.browser.driver.pages import lessons, publish_lessons
from tests.browser.driver.seen import first_quick

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STEPS = "/lessons/fine-tuning-vs-prompting/"
ADDRESS = f"{STEPS}one-page/"
RETRIEVAL = "Look facts up, and start cheap"


@pytest.fixture(autouse=True)
def built_in(transactional_db):
    publish_lessons("fine-tuning-vs-prompting")


def read_to(page: Page, heading: str) -> None:
    page.get_by_role("heading", name=heading, exact=True).evaluate("(e) => e.scrollIntoView()")
    expect(page.locator(".toc a[aria-current]")).to_have_text(heading)


def test_the_contents_and_the_bar_follow_the_reader(visit):
    page = visit(viewport={"width": 1280, "height": 800})
    page.goto(ADDRESS)
    assert page.locator(".toc a[aria-current]").count() == 0
    read_to(page, RETRIEVAL)
    share = page.locator("[data-reading-bar]").evaluate("(bar) => bar.value")
    read_to(page, "What you can now do")
    assert 0 < share < page.locator("[data-reading-bar]").evaluate("(bar) => bar.value") < 1


def test_one_goes_on_where_one_left_off(visit):
    page = visit(viewport={"width": 360, "height": 740})
    page.goto(ADDRESS)
    assert page.locator("[data-read-on]").is_hidden()
    read_to(page, RETRIEVAL)
    page.goto("/")
    page.get_by_role("link", name=f"Fine-tuning vs prompting: when to train your model: {RETRIEVAL}").click()
    expect(page.get_by_role("heading", name=RETRIEVAL)).to_be_in_viewport()
    page.goto(ADDRESS)
    page.locator("[data-read-on]").get_by_role("link", name=RETRIEVAL).click()
    expect(page.get_by_role("heading", name=RETRIEVAL)).to_be_in_viewport()


def test_a_broken_memory_is_no_trouble(visit):
    page = visit()
    page.goto("/")
    page.evaluate("localStorage.setItem('reading', '[not json')")
    page.goto(ADDRESS)
    assert page.locator("[data-read-on]").is_hidden()
    read_to(page, RETRIEVAL)
    page.reload()
    expect(page.locator("[data-read-on] a")).to_have_text(RETRIEVAL)


SEEN = "(e) => e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height > 0"


@first_quick(("width", "shown"), (360, False), (1280, True))
def test_numbers_are_folded_on_a_narrow_screen_only(visit, width, shown):
    page = visit(viewport={"width": width, "height": 740})
    page.goto(ADDRESS)
    table = page.locator("#figures table")
    assert table.evaluate(SEEN) is shown
    if not shown:
        page.locator("#figures > summary").click()
        table.wait_for(state="visible")
        assert page.evaluate("document.documentElement.scrollHeight") < 20_000


@first_quick(("width", "height"), (360, 18_500), (1280, 16_000))
def test_a_finding_shows_its_figure_and_folds_its_method_and_runs(visit, width, height):
    page = visit(viewport={"width": width, "height": 740})
    page.goto(ADDRESS)
    assert page.evaluate("document.documentElement.scrollHeight") < height
    finding = page.locator("#finding-method")
    assert finding.locator(".forest-mark").first.evaluate(SEEN)
    inside = [
        finding.locator(".forest-effect").first,
        finding.locator(".finding-text"),
        finding.locator(".finding-figure .chart-twin"),
        finding.get_by_role("button", name="Run a set of your own", include_hidden=True),
    ]
    assert [one.evaluate(SEEN) for one in inside] == [False] * 4
    finding.locator(".finding-fold > summary").click()
    assert [one.evaluate(SEEN) for one in inside] == [True] * 4


@first_quick("scripts", True, False)
def test_a_link_to_something_inside_opens_a_finding_and_print_shows_it(visit, scripts):
    page = visit(java_script_enabled=scripts)
    page.goto(f"{ADDRESS}#finding-json-lab")
    expect(page.locator("#finding-json-lab")).to_be_in_viewport()
    assert not page.locator("#finding-order .finding-text").is_visible()
    page.emulate_media(media="print")
    page.locator("#finding-order .finding-text").wait_for(state="visible")


def test_the_steps_are_walked_with_the_keyboard_and_show_what_was_done(visit):
    page = visit(viewport={"width": 360, "height": 740})
    page.goto(STEPS)
    row = page.get_by_role("navigation", name="Steps of this lesson").get_by_role("link")
    expect(row).to_have_count(6)
    page.get_by_role("button", name="Next: One message proves little").press("Enter")
    expect(page).to_have_url(re.compile("/steps/one-message-proves-little/$"))
    expect(row.nth(0)).to_have_attribute("data-done", "")
    expect(row.nth(1)).to_have_attribute("aria-current", "step")
    page.goto("/")
    page.get_by_role("link", name="Fine-tuning vs prompting: when to train your model: One message proves").click()
    expect(page.get_by_role("heading", name="One message proves little")).to_be_in_viewport()
    page.get_by_role("link", name="Back").press("Enter")
    expect(page).to_have_url(re.compile(f"{STEPS}$"))


def test_an_old_link_into_the_lesson_leads_to_the_step_that_holds_it(visit):
    page = visit()
    page.goto(f"{STEPS}#finding-json")
    expect(page).to_have_url(re.compile("/steps/train-a-habit-not-a-fact/#finding-json$"))
    expect(page.locator("#finding-json")).to_be_in_viewport()


def test_a_closed_fold_is_a_note_beside_the_text_and_opens_over_the_width(visit):
    """On the one page of a lesson without steps. Elsewhere it would stand beside the text of the next step."""
    bundle = lessons("fine-tuning-vs-prompting")
    whole = [replace(one, lesson=one.lesson.model_copy(update={"steps": False})) for one in bundle.lessons]
    publish(replace(bundle, lessons=tuple(whole), digest=""))
    page = visit(viewport={"width": 1280, "height": 800})
    page.goto(STEPS)
    fold = page.locator(".prose > .fold").first
    text = page.locator(".prose > p").first.bounding_box()
    note = fold.bounding_box()
    assert text and note and note["x"] > text["x"] + text["width"]
    fold.locator("summary").click()
    opened = fold.bounding_box()
    assert opened and opened["x"] == text["x"] and opened["width"] > note["width"]


def test_a_page_uses_the_font_that_it_preloads(visit):
    page = visit()
    page.goto("/")
    page.wait_for_function("() => [...document.fonts].some((one) => one.status === 'loaded')")
    names = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    upright = [name for name in names if name.endswith(".woff2") and "italic" not in name]
    assert upright == [page.locator("link[rel=preload][as=font]").evaluate("(one) => one.href")]
