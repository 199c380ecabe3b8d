"""The profile, notices and reports in a browser, by keyboard where that differs from the mouse."""

from __future__ import annotations

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.notices.models import Notice
from gradus.reports.models import ProblemReport
from tests import factories
from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def profile(visit: Visit, ada: User) -> Page:
    page = visit(ada, color_scheme="light")
    page.goto("/profile/")
    return page


def test_a_name_is_shown_as_it_is_typed_and_a_proposal_changes_nothing_until_it_is_saved(
    profile: Page, ada: User
) -> None:
    profile.get_by_role("textbox", name="Name").fill("quiet one")
    expect(profile.locator("#shown-name")).to_have_text("quiet one")
    profile.get_by_role("link", name="Propose another").press("Enter")
    expect(profile.get_by_text("It counts when you save it.")).to_be_visible()
    expect(profile.get_by_role("link", name="Propose another")).to_be_focused()
    proposed = profile.get_by_role("textbox", name="Name").input_value()
    ada.refresh_from_db()
    assert proposed not in ("quiet one", "enchantress") and ada.pseudonym == "enchantress"
    profile.get_by_role("button", name="Save this name").click()
    expect(profile.get_by_text("Leaderboards now show your new name.")).to_be_visible()
    ada.refresh_from_db()
    assert ada.pseudonym == proposed


def test_the_theme_is_chosen_on_the_profile_and_follows_the_switch(profile: Page) -> None:
    root = profile.locator("html")
    light = profile.evaluate("getComputedStyle(document.body).backgroundColor")
    profile.get_by_label("Dark", exact=True).check()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    assert profile.evaluate("getComputedStyle(document.body).backgroundColor") != light
    profile.goto("/path/")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    profile.go_back()
    profile.reload()
    expect(profile.get_by_label("Dark", exact=True)).to_be_checked()
    profile.get_by_role("button", name="Switch between the light and the dark theme").click()
    expect(profile.get_by_label("Light", exact=True)).to_be_checked()
    profile.get_by_label("As my device").check()
    expect(root).to_have_attribute("data-bs-theme", "light")
    assert profile.evaluate("localStorage.getItem('theme')") is None


def test_without_scripts_no_theme_is_offered_and_all_else_works(visit: Visit, ada: User) -> None:
    page = visit(ada, java_script_enabled=False)
    page.goto("/profile/")
    assert not page.locator("#theme").is_visible()
    page.get_by_role("link", name="Propose another").click()
    expect(page.get_by_text("It counts when you save it.")).to_be_visible()


def test_a_learner_elsewhere_on_the_site_is_told_when_training_has_ended(
    visit: Visit, ada: User, course: Course
) -> None:
    waiting = factories.submit(ada, payload=factories.LORA)
    page = visit(ada)
    page.clock.install()
    page.goto("/lessons/first/")
    expect(page.get_by_role("link", name="Notices", exact=True)).to_be_visible()
    factories.grade(waiting)
    page.clock.fast_forward(21_000)
    expect(page.get_by_role("link", name="Notices: 1 new")).to_be_visible()
    expect(page.locator("#toasts")).to_have_text("Your attempt at “Sea or sky” is graded")
    page.get_by_role("link", name="Notices: 1 new").press("Enter")
    expect(page.get_by_role("heading", name="Your attempt at “Sea or sky” is graded")).to_be_visible()
    assert Notice.objects.get().seen_at is not None


def test_a_problem_is_reported_by_keyboard_and_a_refused_one_keeps_its_words(
    visit: Visit, course: Course, client: Client
) -> None:
    page = visit()
    page.goto("/challenges/sea-or-sky/")
    page.get_by_role("link", name="Report a problem with this challenge").press("Enter")
    page.get_by_label("Describe the problem").fill("The third sample\u0007 is about the sky.")
    page.get_by_label("A sample or its expected answer is wrong").press("Space")
    page.get_by_role("button", name="Send the report").press("Enter")
    expect(page.locator("#report-text-problem")).to_contain_text("a control character: remove it.")
    field = page.get_by_label("Describe the problem")
    expect(field).to_be_focused()
    expect(page.get_by_label("A sample or its expected answer is wrong")).to_be_checked()
    field.fill("The third sample is about the sky.")
    page.get_by_role("button", name="Send the report").press("Enter")
    expect(page.get_by_text("Thank you.")).to_be_visible()
    made = ProblemReport.objects.get()
    assert (made.what, made.text, made.user.is_guest) == ("sample", "The third sample is about the sky.", True)
