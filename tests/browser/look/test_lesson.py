"""The built-in lessons in a browser: something can be tried without scrolling, and drawings are legible everywhere."""

from __future__ import annotations

import pytest

from gradus.courses.models import Lesson
from gradus.courses.services import publish
from tests.browser.driver.pages import library, publish_lessons
from tests.browser.driver.seen import first_quick

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADDRESS = "/lessons/fine-tuning-vs-prompting/"
WHOLE = f"{ADDRESS}one-page/"
IN_SIGHT = """() => [...document.querySelectorAll("#demo :is(button, textarea, input:not([type=hidden]))")]
  .filter((e) => e.checkVisibility())
  .map((e) => e.getBoundingClientRect().bottom)
  .filter((bottom) => bottom <= innerHeight).length"""
# For each text of a drawing: its height in screen pixels, and how far it extends beyond the drawing.
TEXTS = """() => [...document.querySelectorAll(".illustration text")].map((text) => {
  const svg = text.ownerSVGElement, frame = svg.getBoundingClientRect(), box = text.getBoundingClientRect();
  const pixels = parseFloat(getComputedStyle(text).fontSize) * frame.width / svg.viewBox.baseVal.width;
  return [text.textContent, pixels, Math.max(frame.left - box.left, box.right - frame.right)];
})"""
COLOURS = """() => {
  const ink = getComputedStyle(document.querySelector(".illustration text:not([class])")).fill;
  return [ink, getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor];
}"""


@pytest.fixture
def built_in(transactional_db):
    publish_lessons("fine-tuning-vs-prompting")


@first_quick(("width", "height"), (360, 740), (390, 844), (1280, 800))
def test_something_can_be_tried_without_scrolling(built_in, visit, width, height):
    page = visit(viewport={"width": width, "height": height})
    page.goto(ADDRESS)
    assert page.evaluate(IN_SIGHT) >= 1


@first_quick("width", 360, 1280, 1920)
def test_the_words_of_the_drawings_are_large_enough_and_stay_inside(transactional_db, visit, width):
    publish(library())
    page, found = visit(viewport={"width": width, "height": 800}), {}
    for lesson in Lesson.objects.all():
        page.goto(f"/lessons/{lesson.slug}/one-page/")
        texts = page.evaluate(TEXTS)
        assert len(texts) > 20, lesson.slug
        found[lesson.slug] = [text for text in texts if text[1] < 12 or text[2] > 2]
    assert {slug: texts for slug, texts in found.items() if texts} == {}


@first_quick("theme", "dark", "light")
def test_drawings_follow_the_theme(built_in, visit, theme):
    page = visit(viewport={"width": 1280, "height": 800}, color_scheme=theme)
    page.goto(WHOLE)
    fill, ink, paper = page.evaluate(COLOURS)
    assert fill == ink != paper


@first_quick(("width", "shown"), (360, False), (1280, True))
def test_the_contents_stand_beside_the_text_where_there_is_room(built_in, visit, width, shown):
    page = visit(viewport={"width": width, "height": 800})
    page.goto(WHOLE)
    entry = page.locator(".lesson-contents li").first
    assert entry.evaluate("(e) => e.checkVisibility({contentVisibilityAuto: true}) && e.offsetHeight > 0") == shown
    if not shown:
        page.locator(".lesson-contents summary").click()
        entry.wait_for(state="visible")


def test_print_shows_the_folds_and_no_contents(built_in, visit):
    page = visit()
    page.goto(WHOLE)
    page.emulate_media(media="print")
    page.locator(".prose details.fold .katex, .prose details.fold p").first.wait_for(state="visible")
    assert not page.locator(".lesson-contents").is_visible()
