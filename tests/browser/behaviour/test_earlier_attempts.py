"""A learner whose answer waits for a person submits another one, and agrees that the earlier one is withdrawn."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from gradus.reviews.models import Review
from gradus.submissions.models import Submission
from tests import factories
from tests.browser.driver.seen import first_quick, look_at
from tests.reviews import cases

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ANSWER = f"{factories.FREE_TEXT['answer']} A look-up costs a search for each question."


@pytest.fixture(autouse=True)
def no_judge(monkeypatch):
    """Sets up no judge, so that the built-in verifier grades provisionally."""
    monkeypatch.delenv("GRADUS_JUDGE_MODEL", raising=False)


@first_quick("width", 360, 1280)
def test_the_tick_is_asked_for_beside_its_box_and_nothing_typed_is_lost(ada, course, visit, axe, work, width):
    earlier = cases.waiting(ada)
    page = visit(ada, viewport={"width": width, "height": 740}, reduced_motion="reduce")
    page.goto("/challenges/explain/#work")
    asked = page.locator(".bench-earlier")
    expect(asked).to_contain_text("waits for a person, since")
    expect(asked).to_contain_text("you get the attempt back")
    page.get_by_label("Your answer").fill(ANSWER)
    page.get_by_role("button", name="Submit").click()

    tick = page.get_by_role("checkbox", name="I agree that the earlier attempt is withdrawn.")
    expect(page.locator("#withdraw_earlier-problem")).to_contain_text("Tick this box if you agree")
    expect(page.locator("#withdraw_earlier-problem")).to_be_in_viewport()
    expect(tick).to_be_focused()
    expect(page.get_by_label("Your answer")).to_have_value(ANSWER)
    look_at(page, axe)
    assert Submission.objects.count() == 1

    page.keyboard.press("Space")
    expect(tick).to_be_checked()
    page.keyboard.press("Control+Shift+Enter")
    expect(page).to_have_url(re.compile("/submissions/"))
    assert Review.objects.waiting().get() == earlier
    assert work("judge")
    expect(page.get_by_text("Provisional.")).to_be_visible()

    page.goto(f"/submissions/{earlier.submission.uuid}/")
    expect(page.get_by_text("Withdrawn: you handed in a later attempt, which waits in its place.")).to_be_visible()
    page.goto("/challenges/explain/#history")
    expect(page.locator("#history")).to_contain_text("Withdrawn: you handed in a later attempt")
    # A draft brings back what was typed, but no agreement.
    page.goto("/challenges/explain/#work")
    expect(page.get_by_role("checkbox", name="I agree")).not_to_be_checked()
