"""A learner in the browser, from the first page to the score."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from gradus.accounts.models import User
from gradus.submissions.models import Submission
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def write(page: Page, text: str) -> None:
    """Types the instructions into the editor that replaces the form field."""
    page.locator(".cm-content").first.click()
    page.keyboard.insert_text(text)


def test_a_visitor_reads_runs_submits_and_keeps_the_attempt(page, course, work):
    page.goto("/")
    page.get_by_role("link", name="Start the first lesson").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("First")
    expect(page.get_by_role("heading", name="What it is")).to_be_visible()
    page.get_by_role("link", name="Sea or sky", exact=True).last.click()

    write(page, "Sea or sky?")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#run")).to_contain_text("You are next")
    assert work("interactive")
    expect(page.locator("#run #samples > li")).to_have_count(4)
    expect(page.locator("#run .score-value")).to_have_text("1.00")

    page.get_by_role("button", name="Submit").click()
    expect(page).to_have_url(re.compile("/submissions/"))
    expect(page.get_by_text("You are next")).to_be_visible()
    page.evaluate("window.notReloaded = true")
    assert work("grade")
    expect(page.locator(".score-value").first).to_have_text("1.00")
    expect(page.get_by_text("Computed by code").first).to_be_visible()
    assert page.evaluate("window.notReloaded") is True

    attempt = page.url
    sign_up(page)
    page.goto(attempt)
    expect(page.locator(".score-value").first).to_have_text("1.00")
    page.goto("/path/")
    expect(page.get_by_role("main")).to_contain_text("best 1.00")
    assert Submission.objects.get().user == User.objects.get(email="eve@example.org")


def sign_up(page: Page) -> None:
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Email").fill("eve@example.org")
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.locator("[data-menu] summary")).to_be_visible()


def test_the_keyboard_runs_and_submits(ada, course, visit, work):
    page = visit(ada)
    page.goto("/challenges/sea-or-sky/")
    write(page, "Sea or sky?")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#run")).to_contain_text("You are next")
    assert work("interactive")
    expect(page.locator("#run #samples > li")).to_have_count(4)

    page.locator(".cm-content").first.click()
    page.keyboard.press("Control+Shift+Enter")
    expect(page).to_have_url(re.compile("/submissions/"))
    assert Submission.objects.get().payload["instructions"] == "Sea or sky?"


def test_the_advisor_recommends_without_leaving_the_lesson(page, course):
    page.goto("/lessons/first/")
    advisor = page.locator("#advisor")
    advisor.get_by_label("Weekly").check()
    advisor.get_by_role("button", name="Next").click()
    expect(advisor).to_contain_text("Question 2 of 2")
    advisor.get_by_label("Many").check()
    advisor.get_by_role("button", name="Show the advice").click()
    expect(advisor).to_contain_text("LoRA and Retrieval")
    expect(advisor).to_contain_text("What would change the answer")
    expect(page).to_have_url(re.compile("/lessons/first/"))


def test_the_demo_answers_three_ways(page, course, work):
    page.goto("/lessons/first/")
    page.get_by_role("button", name="a foghorn").click()
    expect(page.locator("#demo-text")).to_have_value("a foghorn")
    page.get_by_role("button", name="Ask all three").click()
    expect(page.locator("#demo-result .panel")).to_have_count(3)
    assert [work("interactive") for _ in range(3)] == [True] * 3
    expect(page.locator("#demo-result .panel-answer:not(:has(.skeleton))")).to_have_count(3)
    expect(page.locator("#demo-result")).to_contain_text("sea")


def test_without_scripts_the_site_still_grades(course, visit, work):
    page = visit(java_script_enabled=False)
    page.goto("/challenges/sea-or-sky/")
    page.get_by_label("Instructions").fill("Sea or sky?")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("link", name="Look again")).to_be_visible()
    assert work("grade")
    page.get_by_role("link", name="Look again").click()
    expect(page.locator(".score-value").first).to_have_text("1.00")
