"""There is no way in but the site's own: no view takes a password alone where a second factor is on, or takes many."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client

from gradus.accounts.models import User
from tests import factories
from tests.conftest import logged_in
from tests.security import back_doors, doors
from tests.security.routes import LIBRARIES, routes

# Where the right password is enough for an account that has no second factor.
LOG_INS = {"accounts/login/", "api/v1/tokens"}
ROUNDS = 8
# Wrong passwords that one address may try in a minute.
LIMIT = 10


@pytest.fixture(autouse=True)
def quick_hashes(settings) -> None:
    """Hundreds of passwords are tried."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def totp(grace: User) -> User:
    """Grace, who has switched on the second factor."""
    TOTP.activate(grace, generate_totp_secret())
    assert Authenticator.objects.filter(user=grace, type=Authenticator.Type.TOTP).exists()
    return grace


def another_of_staff() -> Client:
    return logged_in(
        User.objects.filter(username="eve").first() or factories.UserFactory(username="eve", is_staff=True)
    )


def test_with_a_second_factor_a_password_alone_lets_nobody_in(totp: User) -> None:
    """Where a log-in may stand; that no other view lets in with a password is shown below."""
    asked = [route for route in routes() if route in LOG_INS or route.startswith(LIBRARIES)]
    assert len(asked) > 50
    assert doors.walk(asked, totp, factories.PASSWORD, Client, every=True).let_in == set()


@pytest.mark.slow
@pytest.mark.parametrize("visitor", [Client, another_of_staff])
def test_with_a_second_factor_no_view_lets_anybody_in(totp: User, visitor) -> None:
    assert doors.walk(routes(), totp, factories.PASSWORD, visitor, every=True).let_in == set()


@pytest.mark.parametrize("visitor", [Client, another_of_staff])
def test_a_log_in_that_is_added_is_found(totp: User, visitor, settings) -> None:
    ours = set(routes())
    settings.ROOT_URLCONF = back_doors.__name__
    added = set(routes()) - ours
    assert doors.walk(added, totp, factories.PASSWORD, visitor).let_in == back_doors.DOORS
    assert doors.guesses_at("old-admin/login/", totp, visitor, ROUNDS) > LIMIT


def test_without_one_two_views_let_in_and_no_other_compares(grace: User) -> None:
    """Else the test above would pass for requests that no view understands."""
    found = doors.walk(routes(), grace, factories.PASSWORD, Client)
    assert found.let_in == found.compared == LOG_INS
    for route in LOG_INS:
        assert 0 < doors.guesses_at(route, grace, Client, ROUNDS) <= LIMIT


def test_pages_that_ask_their_owner_for_the_password_take_few_wrong_ones(grace: User) -> None:
    def owner() -> Client:
        return logged_in(grace)

    # By a form or a call: nobody confirms anything by opening a page.
    compared = doors.walk(routes(), grace, "wrong-password", owner, most=1).compared
    assert compared >= {"accounts/password/change/", "accounts/reauthenticate/"}
    for route in compared:
        assert doors.guesses_at(route, grace, owner, ROUNDS) <= LIMIT, route


def test_staff_who_open_the_admin_sign_in_on_the_site_and_come_back(grace: User) -> None:
    client = Client()
    asked = client.get("/admin/accounts/user/", follow=True)
    assert asked.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    address = asked.redirect_chain[-1][0]
    back = client.post(address, {"login": grace.email, "password": factories.PASSWORD}, follow=True)
    assert (back.redirect_chain[-1][0], back.status_code) == ("/admin/accounts/user/", 200)
    for page, leads_to in (("login", "/admin/"), ("password_change", "/accounts/password/change/")):
        assert client.get(f"/admin/{page}/").headers["Location"] == leads_to


def test_a_learner_is_told_that_the_admin_is_not_theirs(ada_client: Client) -> None:
    answer = ada_client.get("/admin/", follow=True)
    assert (answer.status_code, answer.redirect_chain[-1][0]) == (403, "/admin/login/?next=/admin/")
