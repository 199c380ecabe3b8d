"""Staff propose to merge two accounts, and their owner agrees from both: by mouse, by keyboard, and accessible."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from gradus.accounts.models import Merge, User
from gradus.courses.models import Challenge, Course
from gradus.own_data import merging
from tests import factories
from tests.browser.conftest import Visit
from tests.browser.driver.hands import Hand, Keyboard, Mouse
from tests.browser.driver.seen import first_quick, look_all_over

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def accounts(course: Course, ada: User, bob: User) -> Challenge:
    """Two accounts of one person, who has handed in something with each."""
    for user, score in ((ada, 0.9), (bob, 0.7)):
        user.set_password(factories.PASSWORD)
        user.save()
        factories.grade(factories.submit(user), score)
    return factories.challenge("sea-or-sky")


def at_the_page(visit: Visit, user: User, **options: object) -> Page:
    page = visit(user, **options)
    page.goto("/profile/merge/")
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Merge two accounts")).to_be_visible()
    return page


@first_quick("hand_of", Keyboard, Mouse)
def test_two_accounts_become_one(
    accounts: Challenge,
    ada: User,
    bob: User,
    grace: User,
    visit: Visit,
    hand_of: type[Mouse | Keyboard],
    expected_complaints: list[str],
) -> None:
    # A form without a reason, and signing in to the closed account.
    expected_complaints += ["a status of 422", "a status of 403"]
    page = visit(grace)
    staff: Hand = hand_of(page)
    page.goto(f"/teach/boards/sea-or-sky/{bob.pk}/")
    staff.press("link", "Propose to merge it with another account")
    # The account from which one comes is the one that stays, unless one says otherwise.
    expect(page.get_by_label("The account that stays")).to_have_value(bob.pseudonym)
    staff.write("The account that stays", ada.pseudonym)
    staff.write("The account that is closed", bob.pseudonym)
    staff.press("button", "Propose")
    expect(page.get_by_text("This field is required.")).to_be_visible()
    staff.write("Reason", "Both write the same words")
    staff.press("button", "Propose")
    expect(page.get_by_text("It is proposed.")).to_be_visible()
    own = at_the_page(visit, ada)
    first: Hand = hand_of(own)
    expect(own.get_by_text("Both write the same words")).to_be_visible()
    first.press("button", "Agree")
    expect(own.get_by_text("This account has agreed")).to_be_visible()
    first.press("button", "Take my consent back")
    expect(own.get_by_text("Your consent is taken back.")).to_be_visible()
    first.press("button", "Agree")
    expect(own.get_by_text("This account has agreed")).to_be_visible()
    other = at_the_page(visit, bob)
    second: Hand = hand_of(other)
    expect(other.get_by_text("1 attempt with its grades")).to_be_visible()
    second.press("button", "Agree and merge now")
    expect(other.get_by_text("This one is closed")).to_be_visible()
    other.get_by_label("Email").fill(bob.email)
    other.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    other.keyboard.press("Enter")
    expect(other.get_by_role("heading", name="This account is part of another one")).to_be_visible()
    own.goto("/leaderboards/sea-or-sky/")
    expect(own.locator("main")).not_to_contain_text(bob.pseudonym)
    assert Merge.objects.get().merged_at


def test_the_pages_are_accessible_and_fit(
    accounts: Challenge, ada: User, bob: User, grace: User, visit: Visit, axe: Axe, expected_complaints: list[str]
) -> None:
    expected_complaints += ["a status of 422"]
    page = at_the_page(visit, ada, reduced_motion="reduce")
    look_all_over(page, axe)
    page.get_by_role("button", name="Agree and ask the other account").click()
    expect(page.get_by_text("This field is required.").first).to_be_visible()
    look_all_over(page, axe)
    made = merging.propose(ada, bob, by=grace, reason="Both write the same words on each of three days")
    merging.consent(made, by=bob)
    page.goto("/profile/merge/")
    expect(page.get_by_role("button", name="Agree and merge now")).to_be_visible()
    look_all_over(page, axe)
    desk = visit(grace, reduced_motion="reduce")
    desk.goto(f"/teach/merge/?gone={bob.pseudonym}")
    look_all_over(desk, axe)
    merging.consent(made, by=ada)
    page.goto("/profile/merge/")
    expect(page.get_by_role("heading", name="Merged into this account")).to_be_visible()
    look_all_over(page, axe)
