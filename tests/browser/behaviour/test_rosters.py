"""A roster in the browser: chosen, previewed and applied by keyboard, without a barrier at any width."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from gradus.accounts.models import User
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from tests.browser.conftest import Visit
from tests.browser.driver.seen import look_all_over
from tests.hostile.rosters.cast import class_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ROSTER = (
    "login,email,firstname,labels\r\n"
    "ann,ann@example.org,Anna-Lena,Section B\r\n"
    'lena,lena@example.org,"Lena ""Le"" Roth","Section A; <b>Lab</b>"\r\n'
    "sam,not an address,Sam,\r\n"
).encode("utf-16")


@pytest.fixture
def evening(course: Course) -> Class:
    return class_of(course)


def test_a_file_is_previewed_and_applied_by_keyboard(evening: Class, visit: Visit, axe: Axe) -> None:
    page = visit(User.objects.get(username="tom"))
    # A colour that is still changing has no contrast of its own.
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/teach/classes/{evening.pk}/")
    page.get_by_role("link", name="Roster", exact=True).press("Enter")
    expect(page.get_by_label("A file")).to_be_visible()
    look_all_over(page, axe)
    page.get_by_label("A file").set_input_files({"name": "r.csv", "mimeType": "text/csv", "buffer": ROSTER})
    page.get_by_role("button", name="Preview").press("Enter")
    expect(page.get_by_role("heading", name="What the roster would change")).to_be_visible()
    expect(page.get_by_role("region", name="Wrong, and left out")).to_contain_text("Write one address alone")
    expect(page.get_by_role("region", name="Changed")).to_contain_text("Anna-Lena")
    expect(page.get_by_role("region", name="Added")).to_contain_text("<b>Lab</b>")
    look_all_over(page, axe)
    assert not Member.objects.filter(email="lena@example.org").exists()
    page.get_by_role("button", name="Apply").press("Enter")
    expect(page.get_by_role("region", name="What the roster has changed")).to_contain_text("The roster is applied")
    look_all_over(page, axe)
    lena = Member.objects.get(email="lena@example.org")
    assert (lena.first_name, lena.login) == ('Lena "Le" Roth', "lena")
    assert {str(one) for one in lena.labels.all()} == {"Section A", "<b>Lab</b>"}
