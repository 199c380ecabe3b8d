"""A person signs in with the account of a school, from the sign-in page and back: in a browser with its own rules."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from gradus.accounts.models import User
from gradus.courses.models import Course
from tests import factories
from tests.browser.conftest import Visit
from tests.browser.driver.seen import first_quick, look_at
from tests.sign_in.conftest import configure
from tests.sign_in.school import School, as_json

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 800}}


@pytest.fixture
def school(transactional_db: None, course: Course, httpserver: HTTPServer, settings: Settings) -> School:
    """A provider under another name than the site, as in life."""
    made = School(httpserver)
    configure(settings, made.setting(name="University of Example"))
    return made


@first_quick(("size", "scheme"), ("phone", "dark"), ("desk", "light"), ("phone", "light"), ("desk", "dark"))
def test_from_the_sign_in_page_to_the_school_and_back(
    visit: Visit, school: School, axe: Axe, size: str, scheme: str
) -> None:
    page = visit(viewport=SIZES[size], color_scheme=scheme)
    page.goto("/accounts/login/?next=/profile/")
    button = page.get_by_role("button", name="Sign in with University of Example")
    expect(button).to_be_visible()
    look_at(page, axe)
    button.click()
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    assert User.objects.get().email == "ada@uni.edu"
    page.goto("/accounts/3rdparty/")
    expect(page.get_by_role("heading", name="Other ways to sign in")).to_be_visible()
    look_at(page, axe)


@first_quick(("size", "scheme"), ("phone", "light"), ("desk", "dark"))
def test_what_a_person_reads_where_it_ends(
    visit: Visit, school: School, axe: Axe, expected_complaints: list[str], size: str, scheme: str
) -> None:
    expected_complaints += ["responded with a status of 409", "responded with a status of 403"]
    ada = factories.UserFactory.create(email="ada@uni.edu")
    page = visit(viewport=SIZES[size], color_scheme=scheme)
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with University of Example").click()
    expect(page.get_by_role("heading", name="Is this account yours?")).to_be_visible()
    look_at(page, axe)
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with University of Example").click()
    expect(page.get_by_role("heading", name="This address has an account here")).to_be_visible()
    look_at(page, axe)
    school.instead["token"] = as_json({"error": "invalid_client"}, 401)
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with University of Example").click()
    expect(page.get_by_text("do not understand each other")).to_be_visible()
    look_at(page, axe)
