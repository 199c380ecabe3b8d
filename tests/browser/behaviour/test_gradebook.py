"""The gradebook in the browser: found, read and changed by keyboard, at the width of a phone and of a desk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from gradus.accounts.models import User
from gradus.classes.models import Class, DateRule
from gradus.courses.models import Course
from gradus.courses.services import publish
from gradus.gradebook import cells, services
from gradus.gradebook.models import Override
from tests import factories
from tests.browser.conftest import Visit
from tests.browser.driver.pages import library

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# Of an element: whether a part that sticks is still where a reader sees it.
IN_SIGHT = """(one) => {
  const box = one.getBoundingClientRect(), around = one.closest(".grades-wrap").getBoundingClientRect();
  return box.left >= around.left - 1 && box.top >= around.top - 1
    && box.right <= around.right + 1 && box.bottom <= around.bottom + 1;
}"""

# Words of the heads of which parts stand in two lines. A hyphen may end a line.
BROKEN_WORDS = """() => [...document.querySelectorAll(".grades thead span")].flatMap((span) => {
  const texts = [...span.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  return texts.flatMap((text) => [...text.data.matchAll(/[^\\s-]+/g)].filter((word) => {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1;
  }).map((word) => word[0]));
})"""


@pytest.fixture
def evening(course: Course, ada: User, bob: User, grace: User) -> Class:
    """A class with thirty learners, of whom some have attempts in every state."""
    made = factories.a_class(course, title="Evening group")
    factories.member(made, ada, labels=["Section A"], first_name="Ada", last_name="Aaronson", email=ada.email)
    factories.member(made, bob, labels=["Section B"], first_name="Bob", last_name="Builder", email=bob.email)
    others = [
        factories.member(
            made, email=f"p{n}@example.org", first_name="Kim", last_name=f"Person {n:02d}", labels=["Section B"]
        )
        for n in range(28)
    ]
    DateRule.objects.create(
        of_class=made, challenge=factories.challenge("ticket"), due_at=timezone.now() - timedelta(days=1), after=0.5
    )
    factories.grade(factories.submit(ada), 0.7)
    factories.grade(factories.submit(ada, "ticket", factories.LORA), 0.9)
    waiting = factories.submit(bob, "explain", factories.FREE_TEXT)
    factories.grade(waiting, 0.6, provisional=True, review=("no-calibration",))
    services.excuse(others[:2], factories.challenge("explain"), by=grace, reason="joined later")
    services.override(others[2:3], factories.challenge("explain"), by=grace, value=9, reason="an oral exam")
    cells.rebuild(made)
    return made


def test_a_grade_is_found_and_set_by_keyboard(evening: Class, grace: User, visit: Visit) -> None:
    page = visit(grace)
    page.goto(f"/teach/classes/{evening.pk}/")
    page.get_by_role("link", name="Grades", exact=True).click()
    page.get_by_label("Name, address or number").fill("aaronson")
    page.keyboard.press("Enter")
    expect(page.locator(".grades tbody tr")).to_have_count(1)
    row = page.locator(".grades tbody tr")
    expect(row).to_contain_text("7.00")
    expect(row).to_contain_text("Late")
    row.get_by_role("link", name="7.00").press("Enter")
    expect(page.get_by_role("heading", name="Ada Aaronson: Sea or sky")).to_be_visible()
    page.get_by_label("Points", exact=True).fill("8.5")
    page.get_by_role("button", name="Set these points").press("Enter")
    expect(page.locator(".field-error")).to_contain_text("Write why")
    page.get_by_label("Reason").fill("Read again together")
    page.get_by_role("button", name="Set these points").press("Enter")
    expect(page.get_by_text("These points count now.")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("8.50")
    page.get_by_role("button", name="Clear, and use the computed grade").press("Enter")
    expect(page.locator(".facts")).not_to_contain_text("8.50")
    assert Override.objects.filter(reason="Read again together", ended_by=grace).count() == 1


def test_names_and_titles_stay_in_sight(evening: Class, grace: User, visit: Visit) -> None:
    page: Page = visit(grace, viewport={"width": 360, "height": 640})
    page.goto(f"/teach/classes/{evening.pk}/grades/")
    wrap = page.locator(".grades-wrap")
    wrap.focus()
    for key in ("End", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_function("() => document.querySelector('.grades-wrap').scrollTop > 0")
    wrap.evaluate("(one) => one.scrollTo(one.scrollWidth, one.scrollHeight)")
    expect(page.locator(".grades thead th").first).to_be_in_viewport()
    assert page.locator(".grades thead th").first.evaluate(IN_SIGHT)
    assert page.locator(".grades tbody tr:last-child th").evaluate(IN_SIGHT)


def test_titles_break_between_words_and_the_last_row_is_whole(ada: User, grace: User, visit: Visit) -> None:
    """The built-in course has eighteen columns, which do not fit the window, and thirty learners do not either."""
    made = factories.a_class(publish(library()), title="Evening group")
    for number in range(30):
        factories.member(made, email=f"p{number}@example.org", first_name="Kim", last_name=f"Person {number:02d}")
    cells.rebuild(made)
    page: Page = visit(grace)
    for width, height in ((360, 740), (1280, 800), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"/teach/classes/{made.pk}/grades/")
        assert page.evaluate(BROKEN_WORDS) == [], width
        last = page.locator(".grades tbody tr:last-child th")
        last.evaluate("(row) => row.scrollIntoView({ block: 'end' })")
        # The row's edge may stand between two pixels.
        expect(last).to_be_in_viewport(ratio=0.98)
        assert last.evaluate(IN_SIGHT)
