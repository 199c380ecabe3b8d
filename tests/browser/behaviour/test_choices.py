"""A learner makes training rows by choosing between two answers, with a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses.services import publish
from gradus.preferences.models import PairChoice
from tests import example_course
from tests.browser.driver.seen import first_quick, look_at

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HERE = "/challenges/your-clicks/choices/"


@pytest.fixture
def clicks(transactional_db: None, tmp_path: Path) -> None:
    publish(read_course(example_course.write_course(tmp_path / "examples")))


def count(page: Page, text: str) -> None:
    expect(page.locator("#choices [role=status]")).to_contain_text(text)


@first_quick(("width", "scheme"), (360, "dark"), (1280, "light"))
def test_choices_by_keys_and_clicks_become_training_rows(
    visit: Callable[..., Page], clicks: None, ada: User, axe: Any, width: int, scheme: str
) -> None:
    page = visit(ada, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto("/challenges/your-clicks/#work")
    page.get_by_role("link", name="Choose between answers").click()
    count(page, "0 of 24 chosen")
    look_at(page, axe)
    first = page.locator("#choices-prompt").inner_text()
    page.keyboard.press("1")
    count(page, "1 of 24 chosen")
    expect(page.locator("#choices-prompt")).to_be_focused()
    page.keyboard.press("u")
    count(page, "0 of 24 chosen")
    expect(page.locator("#choices-prompt")).to_have_text(first)
    for number in range(1, 23):
        page.keyboard.press("2" if number % 2 else "1")
        count(page, f"{number} of 24 chosen")
    page.keyboard.press("s")
    count(page, "1 skipped")
    page.get_by_role("button").filter(has=page.locator("kbd", has_text="2")).click()
    count(page, "23 of 24 chosen")
    expect(page.get_by_text("You have seen all pairs, and skipped too many")).to_be_visible()
    page.get_by_role("button", name="Show the skipped pairs again").click()
    expect(page.locator("#choices-prompt")).to_be_focused()
    page.keyboard.press("1")
    expect(page.get_by_text("Your choices are ready.")).to_be_visible()
    look_at(page, axe)
    page.get_by_role("link", name="Use my choices").click()
    expect(page.get_by_text("Your 24 choices are in.")).to_be_visible()
    assert PairChoice.objects.filter(user=ada, chosen__gt=0).count() == 24
