"""People sign in with the account of their school: the first time, again, silently, and with an account from before."""

from __future__ import annotations

import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import Merge, User
from gradus.own_data import document, erasing, moving
from gradus.submissions.models import Submission
from tests import factories
from tests.sign_in.conftest import Browser, configure
from tests.sign_in.school import School, query


def test_a_first_log_in_makes_an_account_and_the_next_one_finds_it(person: Browser, school: School) -> None:
    answer = person.sign_in(next="/profile/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/profile/")
    made = User.objects.get()
    assert (made.email, made.first_name, made.last_name, made.is_guest) == ("ada@uni.edu", "Ada", "King", False)
    assert not made.has_usable_password() and made.username.startswith("learner-")
    assert EmailAddress.objects.values_list("user", "email", "verified").get() == (made.pk, "ada@uni.edu", True)
    school.person = {"sub": "ada-1", "email": "ada.king@uni.edu"}
    again = Browser()
    again.sign_in()
    assert again.account == person.account == str(made.pk)
    assert User.objects.count() == SocialAccount.objects.count() == 1


def test_only_what_is_needed_of_the_claims_is_stored_and_no_token(person: Browser, school: School) -> None:
    school.claims = {"birthdate": "1815-12-10", "groups": ["secret society"]}
    person.sign_in()
    assert SocialAccount.objects.get().extra_data == {"email": "ada@uni.edu", "places": []}
    assert not SocialToken.objects.exists()
    stored = str(dict(person.client.session))
    assert "access" not in stored.replace("accessed", "") and "birthdate" not in stored


def test_what_a_visitor_has_done_belongs_to_the_account(guest: User, guest_client: Client, school: School, sea_or_sky):
    made = factories.submit(guest)
    browser = Browser(guest_client)
    browser.sign_in()
    guest.refresh_from_db()
    assert (guest.is_guest, guest.email, guest.first_name) == (False, "ada@uni.edu", "Ada")
    assert browser.account == str(guest.pk) == str(Submission.objects.get(pk=made.pk).user_id)
    assert "guest_id" not in browser.client.session


def test_a_visitor_who_has_an_account_already_stays_a_visitor_row(guest: User, guest_client: Client, school: School):
    """As after a log-in with a password: the account is another row."""
    Browser().sign_in()
    browser = Browser(guest_client)
    browser.sign_in()
    guest.refresh_from_db()
    assert guest.is_guest and browser.account == str(User.objects.get(email="ada@uni.edu").pk)


def stranger(email: str = "ada@uni.edu", *, confirmed: bool = False, **named: Any) -> User:
    made: User = factories.UserFactory.create(email=email, **named)
    EmailAddress.objects.create(user=made, email=email.lower(), verified=confirmed, primary=True)
    return made


TAKEN: list[tuple[bool, bool, bool]] = [(True, True, False), (True, False, False), (False, False, False)]


@pytest.mark.parametrize(("confirmed", "by_school", "is_staff"), [*TAKEN, (False, True, True)])
def test_an_account_with_the_address_is_never_found_by_it(
    confirmed: bool, by_school: bool, is_staff: bool, person: Browser, school: School
) -> None:
    owner = stranger("Ada@uni.edu", confirmed=confirmed, is_staff=is_staff)
    school.person = {"sub": "ada-1", "email": "ada@uni.edu", "email_verified": by_school}
    answer = person.sign_in()
    assert (answer.status_code, person.account) == (409, None)
    assert "sign in to that account first" in answer.content.decode()
    owner.refresh_from_db()
    assert (owner.email, owner.lost_email) == ("Ada@uni.edu", None)
    assert not SocialAccount.objects.exists() and User.objects.count() == 1


@pytest.mark.parametrize("mode", ["optional", "mandatory"])
def test_a_stranger_s_unconfirmed_account_gives_way_to_the_owner_of_the_address(
    mode: str, person: Browser, school: School, sea_or_sky, settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = mode
    squatter = stranger()
    work = factories.submit(squatter)
    asked = person.sign_in(next="/profile/")
    assert asked.headers["Location"] == "/accounts/3rdparty/signup/"
    page = person.client.get(asked.headers["Location"]).content.decode()
    assert "Is this account yours?" in page and "Sign in, then add it" in page and "The school" in page
    squatter.refresh_from_db()
    assert squatter.email == "ada@uni.edu"
    made = person.client.post("/accounts/3rdparty/signup/", {"email": "ada@uni.edu"})
    assert made.headers["Location"] == "/profile/"
    owner = User.objects.get(email="ada@uni.edu")
    assert person.account == str(owner.pk) == str(SocialAccount.objects.get().user_id) != str(squatter.pk)
    assert EmailAddress.objects.values_list("user", "email", "verified").get() == (owner.pk, "ada@uni.edu", True)
    squatter.refresh_from_db()
    assert (squatter.email, squatter.lost_email) == ("", "ada@uni.edu")
    assert Submission.objects.get(pk=work.pk).user == squatter
    again = Browser()
    again.sign_in()
    assert again.account == str(owner.pk)


def test_an_account_that_gave_way_is_asked_for_another_address(person: Browser, school: School) -> None:
    squatter = stranger()
    person.sign_in()
    person.client.post("/accounts/3rdparty/signup/", {"email": "ada@uni.edu"})
    client = Client()
    client.post("/accounts/login/", {"login": "ada@uni.edu", "password": factories.PASSWORD})
    assert client.session["_auth_user_id"] == str(squatter.pk)
    assert "Your account needs an email address" in client.get("/").content.decode()
    for email in ("ada@uni.edu", "eve@example.org"):
        client.post("/accounts/email/", {"action_add": "", "email": email})
        squatter.refresh_from_db()
        assert (squatter.lost_email is None) == (email == "eve@example.org")
    assert squatter.email == "eve@example.org"
    assert "Your account needs an email address" not in client.get("/").content.decode()
    later = Client()
    later.post("/accounts/login/", {"login": "eve@example.org", "password": factories.PASSWORD})
    assert later.session["_auth_user_id"] == str(squatter.pk)


def test_an_address_that_somebody_only_added_blocks_nobody(person: Browser, school: School, ada: User) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    EmailAddress.objects.create(user=ada, email="ada@uni.edu")
    person.sign_in()
    person.client.post("/accounts/3rdparty/signup/", {"email": "ada@uni.edu"})
    ada.refresh_from_db()
    assert (ada.email, ada.lost_email) == ("ada@example.org", None)
    assert EmailAddress.objects.get(email="ada@uni.edu").user_id == int(person.account or 0) != ada.pk


def test_the_owner_adds_the_school_after_the_password(school: School) -> None:
    owner = factories.UserFactory.create(email="ada@uni.edu")
    browser = Browser()
    browser.client.post("/accounts/login/", {"login": owner.email, "password": factories.PASSWORD})
    answer = browser.sign_in(process="connect")
    assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
    assert not SocialAccount.objects.exists()
    browser.client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    assert SocialAccount.objects.get().user == owner
    another = Browser()
    another.sign_in()
    assert another.account == str(owner.pk) and User.objects.count() == 1


def test_an_account_of_a_school_belongs_to_one_account_here(school: School) -> None:
    Browser().sign_in()
    other = factories.UserFactory.create()
    browser = Browser()
    browser.client.post("/accounts/login/", {"login": other.email, "password": factories.PASSWORD})
    browser.client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    page = browser.client.get(browser.sign_in(process="connect").headers["Location"]).content.decode()
    assert "already connected to a different account" in page
    assert SocialAccount.objects.get().user.email == "ada@uni.edu"


def test_without_an_address_the_person_is_asked_for_one(guest: User, guest_client: Client, school: School) -> None:
    school.person = {"sub": "no-address", "email": "nonsense", "given_name": "Lin"}
    factories.UserFactory.create(email="taken@example.org")
    browser = Browser(guest_client)
    asked = browser.sign_in(next="/profile/")
    assert asked.headers["Location"] == "/accounts/3rdparty/signup/"
    page = browser.client.get(asked.headers["Location"]).content.decode()
    assert "has told this site who you are" in page and "The school" in page
    refused = browser.client.post("/accounts/3rdparty/signup/", {"email": "taken@example.org"})
    assert refused.status_code == 200 and "Please sign in to that account first" in refused.content.decode()
    made = browser.client.post("/accounts/3rdparty/signup/", {"email": "lin@example.org"})
    guest.refresh_from_db()
    assert (made.headers["Location"], guest.is_guest, guest.email) == ("/profile/", False, "lin@example.org")
    assert not EmailAddress.objects.get(email="lin@example.org").verified
    assert SocialAccount.objects.get().user == guest


def test_a_silent_log_in_asks_the_school_to_show_no_page(person: Browser, school: School) -> None:
    there = person.begin(prompt="none", next="/profile/")
    assert query(there)["prompt"] == "none"
    assert person.client.get(person.at_school(there)).headers["Location"] == "/profile/"
    school.person = None
    other = Browser()
    answer = other.client.get(other.at_school(other.begin(prompt="none", next="/profile/")))
    page = answer.content.decode()
    assert (answer.status_code, other.account) == (403, None)
    assert "You are not signed in at The school yet" in page
    assert "/accounts/oidc/school/login/?process=login&amp;next=%2Fprofile%2F" in page


def test_keys_that_rotate_need_nobody(person: Browser, school: School) -> None:
    person.sign_in()
    school.published, school.signs_with = ["first", "second"], "second"
    for published in (["first", "second"], ["second"]):
        school.published = published
        again = Browser()
        again.sign_in()
        assert again.account == person.account


@pytest.mark.parametrize(("skew", "works"), [(45, True), (-320, True), (90, False), (-400, False)])
def test_clocks_may_differ_by_a_minute(skew: int, works: bool, person: Browser, school: School) -> None:
    now = int(time.time()) + skew
    school.claims = {"iat": now, "nbf": now, "exp": now + 300}
    answer = person.sign_in()
    assert (person.account is not None) == works
    assert works or "do not understand each other" in answer.content.decode()


def test_two_schools_with_the_same_subject_and_client_are_two_people(
    person: Browser, school: School, httpserver, settings
) -> None:
    college = School(httpserver, "college")
    college.person = {"sub": "ada-1", "email": "other@college.edu"}
    configure(settings, school.setting(), college.setting())
    person.sign_in()
    other = Browser()
    other.sign_in("college")
    assert {person.account, other.account} == {str(one.pk) for one in User.objects.all()}
    assert User.objects.count() == 2


def test_the_sign_in_page_has_a_button_for_each_provider_and_keeps_where_the_person_goes(school: School, client, db):
    for page in ("/accounts/login/?next=/profile/", "/accounts/signup/?next=/profile/"):
        text = client.get(page).content.decode()
        assert "Sign in with The school" in text
        assert "/accounts/oidc/school/login/?process=login&amp;next=%2Fprofile%2F" in text


def test_without_providers_no_page_speaks_of_them(client, db, ada_client) -> None:
    assert "Sign in with" not in client.get("/accounts/login/").content.decode()
    assert "Other ways to sign in" not in ada_client.get("/profile/").content.decode()
    assert client.get("/accounts/oidc/school/login/").status_code == 404
    assert client.get("/accounts/oidc/school/login/callback/").status_code == 404


def test_an_account_of_a_provider_that_is_gone_can_be_removed(school: School, settings) -> None:
    browser = Browser()
    browser.sign_in()
    user = User.objects.get()
    user.set_password(factories.PASSWORD)
    user.save()
    settings.SIGN_IN_PROVIDERS = ()
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": factories.PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    assert "school" in client.get("/accounts/3rdparty/").content.decode()
    client.post("/accounts/3rdparty/", {"account": SocialAccount.objects.get().pk})
    assert not SocialAccount.objects.exists()


def test_the_last_way_in_is_not_removed(person: Browser, school: School) -> None:
    person.sign_in()
    page = person.client.post("/accounts/3rdparty/", {"account": SocialAccount.objects.get().pk})
    assert "Your account has no password set up" in page.content.decode()
    assert SocialAccount.objects.exists()


def test_own_data_names_it_and_deletion_forgets_it(person: Browser, school: School) -> None:
    person.sign_in()
    user = User.objects.get()
    (told,) = list(document.account(user))
    (one,) = told["accounts_at_providers"]
    assert (one["provider"], one["uid"]) == ("school", "ada-1")
    erasing._forget_account(user, "learner-gone")
    assert not SocialAccount.objects.exists()
    again = Browser()
    again.sign_in()
    assert again.account not in (None, str(user.pk))


def test_two_accounts_that_become_one_keep_both_ways_in(ada: User, bob: User) -> None:
    account = SocialAccount.objects.create(user=bob, provider="school", uid="bob-1")
    assert (SocialAccount, "user") in moving.OWN and not moving.has_acted(bob)
    moving._move_rows(SocialAccount.objects.filter(user=bob), ada)
    account.refresh_from_db()
    assert account.user == ada


def test_the_database_gives_no_visitor_and_no_closed_account_a_way_in(guest: User, ada: User, bob: User) -> None:
    with pytest.raises(IntegrityError, match="a visitor has no account at a provider"), transaction.atomic():
        SocialAccount.objects.create(user=guest, provider="school", uid="1")
    account = SocialAccount.objects.create(user=ada, provider="school", uid="1")
    with pytest.raises(IntegrityError, match="a visitor has no account"), transaction.atomic():
        SocialAccount.objects.filter(pk=account.pk).update(user=guest)
    with pytest.raises(IntegrityError, match="stays the same one"), transaction.atomic():
        SocialAccount.objects.filter(pk=account.pk).update(uid="2")
    now = "2026-01-01T00:00Z"
    Merge.objects.create(kept=ada, gone=bob, kept_agreed_at=now, gone_agreed_at=now, merged_at=now)
    User.objects.filter(pk=bob.pk).update(is_active=False, merged_into=ada)
    with pytest.raises(IntegrityError, match="was merged gets nothing"), transaction.atomic():
        SocialAccount.objects.create(user=bob, provider="school", uid="3")


def test_a_second_factor_is_asked_for_after_the_school_too(person: Browser, school: School) -> None:
    person.sign_in()
    TOTP.activate(User.objects.get(), generate_totp_secret())
    again = Browser()
    assert again.sign_in().headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert again.account is None
    stored = str(dict(again.client.session))
    assert "'access'" not in stored


@pytest.mark.parametrize("asks", [True, False])
def test_staff_need_no_second_factor_here_where_the_school_asks_for_one(
    asks: bool, person: Browser, school: School, settings
) -> None:
    settings.SECOND_FACTOR = True
    configure(settings, school.setting(second_factor=asks))
    person.sign_in()
    owner = User.objects.get()
    User.objects.update(is_staff=True, second_factor_due_at=timezone.now(), password=make_password(factories.PASSWORD))
    again = Browser()
    again.sign_in()
    assert again.client.get("/teach/").status_code == (200 if asks else 403)
    by_password = Client()
    by_password.post("/accounts/login/", {"login": owner.email, "password": factories.PASSWORD})
    assert by_password.session["_auth_user_id"] == str(owner.pk)
    assert by_password.get("/teach/").status_code == 403


def test_a_closed_account_stays_closed(person: Browser, school: School) -> None:
    person.sign_in()
    User.objects.update(is_active=False)
    again = Browser()
    assert again.sign_in().headers["Location"] == "/accounts/inactive/"
    assert again.account is None
