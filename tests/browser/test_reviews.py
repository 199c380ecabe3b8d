"""A free-text answer from the learner's keyboard to a person's, and back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from gradus.reviews.models import Review
from gradus.submissions.models import Submission
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def no_judge(monkeypatch):
    """Then the built-in checks grade, and provisionally."""
    monkeypatch.delenv("GRADUS_JUDGE_MODEL", raising=False)


def test_staff_settle_a_provisional_grade_by_keyboard(ada, grace, course, visit, work):
    learner = visit(ada)
    learner.goto("/challenges/explain/")
    learner.get_by_label("Your answer").fill("Too short.")
    expect(learner.locator("#words")).to_have_text("2 words, 3 more to go")
    learner.get_by_label("Your answer").fill(factories.FREE_TEXT["answer"])
    learner.get_by_role("button", name="Submit").click()
    expect(learner).to_have_url(re.compile("/submissions/"))
    assert work("judge")
    expect(learner.locator(".callout").get_by_text("Provisional.")).to_be_visible()

    staff = visit(grace)
    staff.goto("/reviews/")
    staff.get_by_role("link", name=re.compile("^Review answer")).click()
    criteria = staff.locator("[data-criterion]")
    expect(criteria.nth(0)).to_be_focused()
    for key, number in (("h", 1), ("m", 2), ("k", 1), ("j", 2), ("m", 2)):
        staff.keyboard.press(key)
        expect(criteria.nth(number)).to_be_focused()
    staff.keyboard.press("Control+Shift+Enter")
    expect(staff).to_have_url(re.compile("/reviews/$"))

    review = Review.objects.get()
    assert review.decided_by == grace
    assert review.marks == {"cause": "partial", "remedy": "met", "no-myth": "met"}
    learner.reload()
    expect(learner.locator(".score-value").first).to_have_text("0.74")
    expect(learner.get_by_text("Person-verified").first).to_be_visible()
    assert Submission.objects.get().current.grader == "person"
