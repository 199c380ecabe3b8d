"""A person asks for the deletion of the account by keyboard, reads the bar, and keeps the account by mouse."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from gradus.accounts.models import User
from tests import factories
from tests.browser.driver.seen import look_all_over

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ada(ada: User) -> User:
    ada.set_password(factories.PASSWORD)
    ada.save()
    return ada


def test_by_keyboard_and_by_mouse(course, ada, visit):
    page: Page = visit(ada)
    page.goto("/profile/")
    page.get_by_role("link", name="Delete the account").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What goes")).to_be_visible()
    page.get_by_role("button", name="Delete my account").focus()
    page.keyboard.press("Enter")
    bar = page.get_by_role("complementary", name="Your account is to be deleted")
    expect(bar).to_contain_text("Until then you can decide to keep it")
    page.goto("/challenges/sea-or-sky/")
    bar.get_by_role("button", name="Keep my account").click()
    expect(page.get_by_text("You keep your account")).to_be_visible()
    expect(bar).to_have_count(0)
    ada.refresh_from_db()
    assert ada.deletion_due_at is None


def test_the_pages_are_accessible_and_fit(course, ada, visit, axe):
    page: Page = visit(ada, reduced_motion="reduce")
    page.goto("/profile/delete/")
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What goes")).to_be_visible()
    look_all_over(page, axe)
    User.objects.filter(pk=ada.pk).update(deletion_due_at=timezone.now() + timedelta(days=7))
    for path in ("/profile/delete/", "/challenges/sea-or-sky/"):
        page.goto(path)
        look_all_over(page, axe)
