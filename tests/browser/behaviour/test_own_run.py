"""A learner chooses rows of a run of their own for an answer in free text, with a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gradus.accounts.models import User
from gradus.submissions.models import Submission
from tests import factories
from tests.browser.driver.seen import first_quick, look_at
from tests.own_run.course import published, quoting, ran
from tests.reviews import cases

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HERE = "/challenges/explain/#work"


@pytest.fixture
def asking(transactional_db: None, tmp_path: Path) -> None:
    published(tmp_path / "tiny")


@first_quick(("width", "scheme"), (1280, "light"), (360, "dark"))
def test_rows_are_chosen_kept_and_handed_in(
    visit: Callable[..., Page], asking: None, ada: User, axe: Any, width: int, scheme: str
) -> None:
    page = visit(ada, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(HERE)
    expect(page.get_by_role("group", name="Rows of your own run")).to_contain_text("Do a run at Sea or sky first")
    look_at(page, axe)
    older, newer = ran(ada), ran(ada)
    page.goto("/")
    page.goto(HERE)
    rows = page.get_by_role("group", name="Rows of your own run")
    expect(rows.locator("details[open]")).to_have_count(1)
    rows.get_by_role("checkbox", name="I saw a wave today").check()
    page.get_by_label("Your answer").fill(factories.FREE_TEXT["answer"])
    look_at(page, axe)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#own_run-problem")).to_contain_text("2 different rows of one run")
    expect(rows.get_by_role("checkbox", name="I saw a wave today")).to_be_checked()
    # The script that keeps drafts runs before a page has loaded; the problem can be read earlier.
    page.wait_for_load_state()
    rows.get_by_role("checkbox", name="I saw a cloud today").check()
    page.goto(HERE)
    expect(rows.get_by_role("checkbox", name="I saw a cloud today")).to_be_checked()
    expect(rows.get_by_role("checkbox", checked=True)).to_have_count(2)
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/submissions/**")
    assert Submission.objects.get().payload == quoting(newer)
    factories.grade(Submission.objects.get(), 0.5, result=cases.result())
    page.reload()
    look_at(page, axe)
    assert older != newer
