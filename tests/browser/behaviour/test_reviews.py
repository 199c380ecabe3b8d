"""A free-text answer in the browser: from the learner to the reviewer and back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from gradus.reviews.models import Review
from gradus.submissions.models import Submission
from tests import factories
from tests.reviews import cases

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def no_judge(monkeypatch):
    """Sets up no judge, so that the built-in verifier grades provisionally."""
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


def test_staff_work_through_the_queue_by_keyboard(ada, bob, grace, course, visit):
    """The reviewer opens the first answer, shows the list of keys, and accepts it; then the next one opens."""
    low, high = cases.waiting(bob, {**cases.NONE_MET, "cause": "partial"}), cases.waiting(ada)
    staff = visit(grace)
    staff.goto("/reviews/")
    staff.keyboard.press("j")
    staff.keyboard.press("Enter")
    expect(staff).to_have_url(re.compile(f"/reviews/{low.pk}/$"))
    expect(staff.locator("[data-criterion]").nth(0)).to_be_focused()
    staff.keyboard.press("?")
    expect(staff.get_by_role("dialog")).to_contain_text("Accept the machine")
    staff.keyboard.press("n")
    expect(staff.locator("[data-criterion]").nth(0).get_by_role("radio", checked=True)).to_have_value("partial")
    staff.keyboard.press("Escape")
    staff.keyboard.press("a")
    accept = staff.get_by_role("button", name="Accept the machine")
    expect(accept).to_be_focused()
    assert accept.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    staff.keyboard.press("Enter")
    expect(staff).to_have_url(re.compile(f"/reviews/{high.pk}/$"))
    low.refresh_from_db()
    assert (low.decided_by, low.marks["cause"]) == (grace, "partial")


def test_an_audit_shows_the_machines_marks_after_ones_own(ada, grace, course, visit, settings):
    settings.AUDIT_SHARE_NEW = 1.0
    cases.final(ada)
    audit = Review.objects.get()
    staff = visit(grace)
    staff.goto(f"/reviews/{audit.pk}/")
    expect(staff.locator("blockquote mark")).to_have_count(0)
    expect(staff.get_by_role("radio", checked=True)).to_have_count(0)
    for _ in range(3):
        staff.keyboard.press("m")
    staff.keyboard.press("Control+Shift+Enter")
    expect(staff.get_by_text("are stored for the figures")).to_be_visible()
    expect(staff.locator("blockquote mark")).to_have_text("weights keep old facts")
    audit.refresh_from_db()
    assert (audit.blind_marks, audit.decided_at) == (cases.ALL_MET, None)


def test_a_learner_watches_an_appeal_move_on(ada, course, visit, settings):
    """The page shows the change from the second grader to a person without a reload."""
    settings.APPEAL_MODEL = "another-model"
    submission = cases.final(ada)
    learner = visit(ada)
    learner.goto(f"/submissions/{submission.uuid}/")
    learner.get_by_label("What does this grade overlook?").fill("I named the cause.")
    learner.get_by_role("button", name="Appeal").click()
    expect(learner.locator(".callout").get_by_text("Your appeal is with a second grader")).to_be_visible()
    cases.work_off(cases.MARKS)
    expect(learner.locator(".callout").get_by_text("Your appeal is with a person.")).to_be_visible()
