"""A finding's figure in the browser, and the button that repeats its runs on public samples."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from gradus.laboratory.models import Contribution
from gradus.submissions.models import Run
from tests.browser.driver.seen import TOO_WIDE, first_quick
from tests.browser.look.test_pages import IMPACTS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REPEAT = re.compile("Repeat the author.s run")
# The figure's texts that cross its edge or overlap another text.
CUT = """() => {
  const edge = document.documentElement.clientWidth;
  return [...document.querySelectorAll(".finding svg text, .forest-label")]
    .map((one) => [one.textContent.trim().slice(0, 40), one.getBoundingClientRect()])
    .filter(([, box]) => box.left < 0 || box.right > edge)
    .map(([text]) => text);
}"""


def test_the_button_makes_the_public_part_again(page, course, work, axe):
    page.goto("/lessons/first/")
    finding = page.locator("#finding-few-shot")
    finding.locator(".finding-fold > summary").click()
    finding.get_by_label("Repetition").select_option("set 2")
    button = finding.get_by_role("button", name=REPEAT)
    button.focus()
    page.keyboard.press("Enter")
    expect(finding).to_contain_text("0 of 2 runs have ended.")
    expect(finding.locator(".forest-own")).to_have_count(0)
    assert [work("interactive") for _ in range(2)] == [True] * 2
    expect(finding).to_contain_text("2 of 2 runs have ended.")
    # There is a ring for each of the two runs, and the keyboard focus has not moved.
    expect(finding.locator(".forest-own")).to_have_count(2)
    expect(button).to_be_focused()
    assert list(Run.objects.order_by("pk").values_list("arm", "repetition")) == [("zero", 1), ("few", 2)]
    found = axe.run(page, context="#finding-few-shot").response["violations"]
    assert not [(rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in IMPACTS]

    button.click()
    expect(finding.get_by_role("alert")).to_contain_text("You have already run this one")


def test_a_set_of_ones_own_by_keyboard_alone(page, course, work, axe):
    """Predicted, run, seen as a dot, and taken back."""
    page.goto("/lessons/first/findings/few-shot/")
    page.get_by_label("Which will score highest?").focus()
    page.keyboard.type("Two")
    page.keyboard.press("Tab")
    page.keyboard.type("80")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("0 of 2 runs have ended.").first).to_be_visible()
    expect(page.get_by_text("No learner has run a set yet")).to_be_visible()
    assert [work("interactive") for _ in range(2)] == [True] * 2
    expect(page.locator(".lab-count")).to_contain_text("1 run by learners.")
    expect(page.locator(".is-shared .forest-own")).to_have_count(1)
    expect(page.locator(".lab-set")).to_contain_text("You said “Two examples” with 80 %.")
    expect(page.locator(".lab-set")).to_contain_text("Brier score")
    # What is spoken is one short sentence.
    expect(page.locator("#finding-few-shot-said")).to_have_text("2 of 2 runs have ended.")
    expect(page.get_by_role("button", name="Run a set of your own")).to_be_focused()
    found = axe.run(page, context="#finding-few-shot").response["violations"]
    assert not [(rule["id"], rule["nodes"][0]["html"]) for rule in found]
    assert page.evaluate(TOO_WIDE) == [] and page.evaluate(CUT) == []
    back = page.get_by_role("button", name="Take back the dot of set")
    back.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".lab-set")).to_contain_text("Taken back")
    expect(page.get_by_text("No learner has run a set yet")).to_be_visible()
    assert Contribution.objects.get().scores is None


@first_quick("width", 360, 1280)
def test_no_label_of_a_figure_is_cut(course, visit, width):
    page = visit(viewport={"width": width, "height": 740})
    page.goto("/lessons/first/findings/few-shot/")
    page.locator(".chart-twin summary").click()
    assert page.evaluate(TOO_WIDE) == [] and page.evaluate(CUT) == []
    label, strip = (
        page.locator(f".finding-figure {part}").first.bounding_box() for part in (".forest-label", ".forest-strip")
    )
    assert label is not None and strip is not None
    # The label is above the line on a narrow screen, and beside it on a wide one.
    assert label["y"] + label["height"] <= strip["y"] + 1 if width == 360 else label["x"] + label["width"] <= strip["x"]
