"""Where the setting says so, the pages of staff open only with a second factor, a day after the first of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from gradus.accounts import second_factor
from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses.models import Course
from gradus.operations.doctor import sign_in
from tests import factories
from tests.conftest import logged_in
from tests.security.routes import EDITORS, LISTS_OF_REVIEWERS, OPEN, OPERATORS, PEOPLE, REVIEWERS, routes
from tests.security.test_routes import NOTHING
from tests.security.test_routes import path as with_values

NEEDED = "A second factor is needed"
WILL_BE = "A second factor will be needed"


@pytest.fixture(autouse=True)
def asked(settings: Settings) -> None:
    settings.SECOND_FACTOR = True


def overdue(user: User) -> User:
    User.objects.filter(pk=user.pk).update(second_factor_due_at=timezone.now() - timedelta(seconds=1))
    return user


def code_of(user: User) -> str:
    secret = get_adapter().decrypt(Authenticator.objects.get(user=user, type="totp").data["secret"])
    return code_for(secret)


def code_for(secret: str) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return str(format_hotp_value(hotp_value(secret, counter)))


def test_a_site_for_trying_things_out_asks_nobody(grace: User, settings: Settings) -> None:
    settings.SECOND_FACTOR = False
    for page in ("/teach/", "/reviews/", "/admin/"):
        answer = logged_in(overdue(grace)).get(page)
        assert answer.status_code == 200 and WILL_BE not in answer.content.decode()


def test_the_grace_of_a_day_begins_with_the_first_page_and_never_again(grace: User) -> None:
    begun = timezone.now()
    for page in ("/admin/", "/teach/"):
        answer = logged_in(grace).get(page)
        assert answer.status_code == 200 and WILL_BE in answer.content.decode()
        assert 'href="/accounts/2fa/"' in answer.content.decode()
    grace.refresh_from_db()
    due = grace.second_factor_due_at
    assert due is not None and begun < due - second_factor.GRACE < timezone.now()
    overdue(grace)
    assert logged_in(grace).get("/teach/").status_code == 403
    grace.refresh_from_db()
    assert grace.second_factor_due_at is not None and grace.second_factor_due_at < timezone.now()


def test_without_it_no_page_of_staff_opens(grace: User, course: Course) -> None:
    client = logged_in(overdue(grace))
    staff = {r for r in EDITORS | PEOPLE | REVIEWERS | LISTS_OF_REVIEWERS | OPERATORS if not r.startswith("api/")}
    staff |= {route for route in routes() if route.startswith("admin/") and "(?P" not in route}
    assert len(staff) > 150
    opened = []
    for route in sorted(staff - OPEN):
        numbers = dict.fromkeys(re.findall(r"<int:(\w+)>", route), 999_999)
        address = with_values(route, {**NOTHING, **numbers})
        for answer in (client.get(address), client.post(address)):
            if answer.status_code != 403 or NEEDED not in answer.content.decode():
                opened.append((route, answer.status_code))
    assert not opened
    for page in ("/", "/profile/", "/challenges/sea-or-sky/", "/accounts/2fa/"):
        assert client.get(page).status_code == 200


def test_who_has_a_role_or_teaches_a_class_is_staff_and_who_learns_in_it_is_not(
    ada: User, bob: User, course: Course
) -> None:
    for scope in (Scope(Content.PREVIEWER), Scope(learner_data=LearnerData.VIEWER), Scope(Content.OWNER)):
        member = factories.UserFactory.create()
        factories.enrol(member, course, scope)
        assert logged_in(overdue(member)).get("/teach/").status_code == 403
    of_class = factories.a_class(course)
    factories.member(of_class, ada, learner_data=LearnerData.VIEWER)
    factories.member(of_class, bob)
    assert logged_in(overdue(ada)).get(f"/teach/classes/{of_class.pk}/").status_code == 403
    assert logged_in(overdue(bob)).get(f"/teach/classes/{of_class.pk}/").status_code == 404
    bob.refresh_from_db()
    assert not second_factor.needs(bob)


def test_who_sets_one_up_with_the_pages_for_it_goes_on(transactional_db: None, grace: User) -> None:
    """In transactions of its own, because allauth says what was added after the commit."""
    client = Client()
    client.post("/accounts/login/", {"login": grace.email, "password": factories.PASSWORD})
    overdue(grace)
    assert client.get("/teach/").status_code == 403
    client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    client.get("/accounts/2fa/totp/activate/")
    code = code_for(client.session["mfa.totp.secret"])
    client.post("/accounts/2fa/totp/activate/", {"code": code})
    assert Authenticator.objects.filter(user=grace, type="totp").exists()
    assert client.get("/teach/").status_code == 200


def test_a_session_from_before_has_to_give_it_and_comes_back(grace: User) -> None:
    client = logged_in(grace)
    TOTP.activate(grace, generate_totp_secret())
    asked_for = client.get("/teach/classes/?all=1")
    there = "/accounts/2fa/reauthenticate/?next=%2Fteach%2Fclasses%2F%3Fall%3D1"
    assert (asked_for.status_code, asked_for.headers["Location"]) == (302, there)
    refused = client.post("/teach/classes/new", {"title": "New"})
    assert refused.status_code == 403 and "Give the second factor" in refused.content.decode()
    assert client.get("/teach/", headers={"HX-Request": "true"}).status_code == 403
    back = client.post(there, {"code": code_of(grace)})
    assert back.headers["Location"] == "/teach/classes/?all=1"
    assert client.get("/teach/").status_code == 200
    Authenticator.objects.filter(user=grace).delete()
    overdue(grace)
    assert client.get("/teach/").status_code == 403


def test_who_signs_in_with_it_is_not_asked_again(grace: User) -> None:
    TOTP.activate(grace, generate_totp_secret())
    client = Client()
    client.post("/accounts/login/", {"login": grace.email, "password": factories.PASSWORD})
    client.post("/accounts/2fa/authenticate/", {"code": code_of(grace)})
    assert client.get("/teach/").status_code == 200
    grace.refresh_from_db()
    assert grace.second_factor_due_at is None


def test_an_unconfirmed_address_is_said_to_come_first(grace: User, settings: Settings) -> None:
    EmailAddress.objects.create(user=grace, email=grace.email, primary=True)
    page = logged_in(overdue(grace)).get("/admin/").content.decode()
    assert "Confirm the email addresses of your account first" in page and 'href="/accounts/email/"' in page
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "this site cannot send mails" in logged_in(grace).get("/admin/").content.decode()


def test_a_session_without_it_calls_the_api_as_a_learner_only(grace: User, course: Course) -> None:
    client = logged_in(overdue(grace))
    answer = client.get("/api/v1/reviews")
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_needed")
    assert client.get("/api/v1/courses").status_code == 200
    User.objects.filter(pk=grace.pk).update(second_factor_due_at=timezone.now() + timedelta(hours=1))
    assert client.get("/api/v1/reviews").status_code == 200


@pytest.mark.parametrize("content", ["none", "editor"])
def test_a_password_alone_makes_a_token_of_a_learner_only(content: str, grace: User) -> None:
    client = logged_in(overdue(grace))
    given = {"email": grace.email, "password": factories.PASSWORD, "content": content}
    call: Any = Client().post("/api/v1/tokens", given, content_type="application/json")
    form = {"name": "mine", "days": "30", "content": content, "learner_data": "none"}
    page = client.post("/profile/tokens/", form)
    if content == "none":
        assert (call.status_code, page.status_code, ApiToken.objects.count()) == (201, 200, 2)
    else:
        assert (call.status_code, call.json()["code"]) == (403, "sign_in_needed")
        assert page.status_code == 422 and "needs a second factor" in page.content.decode()
        assert not ApiToken.objects.exists()


def test_doctor_names_who_has_none(grace: User, ada: User, bob: User, course: Course, settings: Settings) -> None:
    factories.enrol(ada, course, Scope(Content.EDITOR))
    TOTP.activate(grace, generate_totp_secret())
    (told,) = sign_in.second_factors()
    assert told.level == "warn" and ada.email in told.text and not {grace.email, bob.email} & set(told.text.split())
    TOTP.activate(ada, generate_totp_secret())
    assert [one.level for one in sign_in.second_factors()] == ["ok"]
    settings.SECOND_FACTOR = False
    assert not list(sign_in.second_factors())
    settings.PRODUCTION = True
    (told,) = sign_in.second_factors()
    assert told.level == "warn" and "GRADUS_SECOND_FACTOR is off" in told.text
