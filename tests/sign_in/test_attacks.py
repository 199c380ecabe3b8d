"""Whoever is not the person at the school is not signed in: a table of attacks, and what each of them ends in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import jwt
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives import serialization
from django.test import Client

from gradus.accounts.models import User
from gradus.classes.models import Member
from gradus.sign_in.models import LastRefusal
from tests import factories
from tests.sign_in.conftest import Browser, configure
from tests.sign_in.school import SECRET, School, as_json, key_pair, public, query

NOT_OURS = "do not understand each other"


def signed(key: Any, algorithm: str, **headers: Any) -> Any:
    return lambda claims: jwt.encode(claims, key, algorithm, headers={"kid": "first", **headers})


def public_pem() -> bytes:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key_pair("first").public_key().public_bytes(*form)


def put_together(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """A token that the library would refuse to make."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
    proof = hmac.new(secret, ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, base64.urlsafe_b64encode(proof).decode().rstrip("=")])


def by_public_key(claims: dict[str, Any]) -> str:
    return put_together({"alg": "HS256", "typ": "JWT", "kid": "first"}, claims, public_pem())


def altered(claims: dict[str, Any]) -> str:
    head, _body, proof = jwt.encode(claims, key_pair("first"), "RS256", headers={"kid": "first"}).split(".")
    body = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "the-dean"}).encode()).decode().rstrip("=")
    return f"{head}.{body}.{proof}"


def now(seconds: int) -> int:
    return int(time.time()) + seconds


# What the ID token claims, in place of what it should; `...` leaves a claim out. Times are of when this file is read,
# which may be an hour before its tests run.
CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": now(-120)}, "clock"),
    "made in the future": ({"iat": now(86_400), "exp": now(90_000)}, "clock"),
    "not valid yet": ({"nbf": now(86_400)}, "clock"),
    "without an end": ({"exp": ...}, "token"),
    "with an end that is no time": ({"exp": "tomorrow"}, "token"),
    "with an end beyond all numbers": ({"exp": float("inf")}, "token"),
    "without the time when it was made": ({"iat": ...}, "token"),
    "for another site": ({"aud": "another"}, "token"),
    "for nobody": ({"aud": ...}, "token"),
    "for this site and another one, which asked": ({"aud": ["gradus", "another"], "azp": "another"}, "token"),
    "for two sites without saying which asked": ({"aud": ["gradus", "another"]}, "token"),
    "asked for by another site": ({"azp": "another"}, "token"),
    "of another issuer": ({"iss": "https://evil.example"}, "token"),
    "of an issuer that differs by a slash": ({"iss": "/"}, "token"),
    "of no issuer": ({"iss": ...}, "token"),
    "of another log-in": ({"nonce": "another"}, "token"),
    "of another log-in, in letters beyond ASCII": ({"nonce": "ä"}, "token"),
    "of no log-in": ({"nonce": ...}, "token"),
    "with a list of log-ins": ({"nonce": ["a"]}, "token"),
    "about nobody": ({"sub": ...}, "token"),
    "about an empty name": ({"sub": ""}, "token"),
    "about a number": ({"sub": 7}, "token"),
    "about a name with a control character": ({"sub": "ada\x00"}, "token"),
    "about a name that is too long": ({"sub": "a" * 192}, "token"),
}
SIGNATURES: dict[str, tuple[Any, str]] = {
    "without a signature": (lambda claims: jwt.encode(claims, "", "none"), "token"),
    "signed with the client's secret": (signed(SECRET, "HS256"), "token"),
    "signed with the public key as a secret": (by_public_key, "token"),
    "signed with an unknown key": (signed(key_pair("evil"), "RS256", kid="evil"), "keys"),
    "signed with another key under a known name": (signed(key_pair("evil"), "RS256"), "token"),
    "with a key of its own in the header": (signed(key_pair("evil"), "RS256", jwk=public("evil")), "token"),
    "with an extension that must be understood": (signed(key_pair("first"), "RS256", crit=["exp"]), "token"),
    "with a list in place of the key's name": (
        lambda claims: put_together({"alg": "RS256", "kid": ["first"]}, claims, b"x"),
        "token",
    ),
    "altered": (altered, "token"),
    "garbage": (lambda claims: "a.b.c", "token"),
    "an empty text": (lambda claims: "", "token"),
}


def refused(person: Browser, school: School, code: str) -> str:
    """Signs in, and looks at that nobody is in and nothing was made. Returns the page."""
    answer = person.sign_in()
    text = str(answer.content.decode())
    assert person.account is None and not User.objects.exists() and not SocialAccount.objects.exists()
    assert answer.status_code in (403, 503) and LastRefusal.objects.get().code == code, text
    assert "Traceback" not in text and school.issuer not in text and SECRET not in text
    return text


@pytest.mark.parametrize("name", CLAIMS)
def test_a_token_that_claims_something_else(name: str, person: Browser, school: School) -> None:
    claims, code = CLAIMS[name]
    school.claims = {**claims, **({"iss": f"{school.issuer}/"} if claims.get("iss") == "/" else {})}
    assert NOT_OURS in refused(person, school, code)


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_token_that_somebody_else_signed(name: str, person: Browser, school: School) -> None:
    school.sign, code = SIGNATURES[name]
    assert NOT_OURS in refused(person, school, code)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"access_token": "a"}, "token"),
        ({"access_token": "a", "id_token": ["a"]}, "token"),
        ({"id_token": "a"}, "answer"),
        ({"error": "invalid_grant", "error_description": "<b>no</b>"}, "answer"),
    ],
)
def test_an_answer_without_a_token(answer: dict[str, Any], code: str, person: Browser, school: School) -> None:
    school.instead["token"] = as_json(answer)
    assert "<b>" not in refused(person, school, code)


@pytest.mark.parametrize("told", [{"sub": "the-dean"}, {"sub": None}])
def test_information_about_somebody_else(told: dict[str, Any], person: Browser, school: School) -> None:
    school.userinfo = told
    refused(person, school, "token")


@pytest.mark.parametrize(
    "key",
    [
        {**public("first"), "use": "enc"},
        {**public("first"), "kty": ["RSA"]},
        {**public("first"), "alg": "none"},
        {**public("first"), "n": "AQAB"},
        {**public("first"), "d": "AQAB"},
    ],
)
def test_a_key_for_something_else_signs_nothing(key: dict[str, Any], person: Browser, school: School) -> None:
    """A key that is too short, or whose private half is published, counts no more than one for something else."""
    school.instead["keys"] = as_json({"keys": [key, "no key", {"kid": "first"}]})
    refused(person, school, "keys")


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"issuer": "https://evil.example"}, "issuer"),
        ({"issuer": None}, "issuer"),
        ({"token_endpoint": "http://uni.edu/token"}, "address"),
        ({"jwks_uri": "http://169.254.169.254/keys"}, "address"),
        ({"jwks_uri": None}, "address"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "address"),
        ({"authorization_endpoint": "https://me@uni.edu/"}, "address"),
        ({"authorization_endpoint": "https://["}, "address"),
    ],
)
def test_a_configuration_that_leads_elsewhere(config: dict[str, Any], code: str, person: Browser, school: School):
    school.config = config
    answer = person.client.post("/accounts/oidc/school/login/")
    assert (answer.status_code, LastRefusal.objects.get().code) == (403, code)
    assert NOT_OURS in answer.content.decode() and school.asked == ["openid-configuration"]


def test_user_information_over_a_connection_that_anybody_reads(person: Browser, school: School) -> None:
    school.config = {"userinfo_endpoint": "http://uni.edu/userinfo"}
    refused(person, school, "address")


# --- what comes with the browser ---------------------------------------------------------------------------------


def not_begun(answer: Any, person: Browser, school: School) -> None:
    assert (answer.status_code, person.account) == (403, None)
    assert "begun in another browser" in answer.content.decode()
    assert "token" not in school.asked and not User.objects.exists()


def test_the_log_in_of_another_browser(person: Browser, school: School) -> None:
    """A log-in CSRF: the victim opens the address at which the attacker's log-in would have ended."""
    attacker = Browser()
    not_begun(person.client.get(attacker.at_school(attacker.begin())), person, school)


def test_the_addition_of_another_browser_to_the_account_of_the_victim(school: School, ada: User, bob: User) -> None:
    attacker, victim = Browser(), Browser()
    attacker.client.force_login(bob)
    victim.client.post("/accounts/login/", {"login": ada.email, "password": factories.PASSWORD})
    victim.client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    answer = victim.client.get(attacker.at_school(attacker.begin(process="connect")))
    assert answer.status_code == 403 and not SocialAccount.objects.exists()


@pytest.mark.parametrize("asked", ["", "?code=abc", "?code=abc&state=", "?code=abc&state=guessed", "?error=x&state=y"])
def test_an_answer_to_no_question(asked: str, person: Browser, school: School) -> None:
    person.begin()
    not_begun(person.client.get(f"/accounts/oidc/school/login/callback/{asked}"), person, school)


def test_an_answer_that_is_opened_twice(person: Browser, school: School) -> None:
    back = person.at_school(person.begin())
    person.client.get(back)
    person.client.logout()
    assert person.client.get(back).status_code == 403 and person.account is None
    assert school.asked.count("token") == 1


def test_a_stolen_code_in_a_log_in_of_the_thief(person: Browser, school: School) -> None:
    """The code belongs to the challenge of the victim's browser, whose verifier the thief does not have."""
    stolen = query(person.at_school(person.begin()))["code"]
    thief = Browser()
    own = query(thief.begin())["state"]
    answer = thief.client.get(f"/accounts/oidc/school/login/callback/?code={stolen}&state={own}")
    assert (answer.status_code, thief.account) == (403, None) and not User.objects.exists()
    assert LastRefusal.objects.get().detail.endswith("answers with status 400 and the error invalid_grant")


def test_a_code_that_was_used(person: Browser, school: School) -> None:
    code = query(person.at_school(person.begin()))["code"]
    school.redeemed.add(code)
    (state,) = person.client.session["socialaccount_states"]
    answer = person.client.get(f"/accounts/oidc/school/login/callback/?code={code}&state={state}")
    assert (answer.status_code, person.account) == (403, None)


def test_two_providers_that_are_exchanged(person: Browser, school: School, httpserver, settings) -> None:
    evil = School(httpserver, "evil")
    configure(settings, school.setting(), evil.setting())
    back = person.at_school(person.begin("evil")).replace("/oidc/evil/", "/oidc/school/")
    not_begun(person.client.get(back), person, school)
    honest = person.at_school(person.begin())
    answer = person.client.get(f"{honest}&iss={evil.issuer}")
    assert (answer.status_code, LastRefusal.objects.get().code) == (403, "mixed") and "token" not in school.asked


def test_an_answer_that_does_not_name_the_provider_although_it_always_does(person: Browser, school: School) -> None:
    school.config = {"authorization_response_iss_parameter_supported": True}
    refused(person, school, "mixed")
    back = person.at_school(person.begin())
    assert person.client.get(f"{back}&iss={school.issuer}").status_code == 302 and person.account


def test_a_log_in_that_was_begun_long_ago(person: Browser, school: School) -> None:
    back = person.at_school(person.begin())
    session = person.client.session
    ((key, (state, at, provider)),) = session["socialaccount_states"].items()
    session["socialaccount_states"] = {key: (state, at - 601, provider)}
    session.save()
    not_begun(person.client.get(back), person, school)


def test_a_link_on_another_site_begins_nothing(person: Browser, school: School) -> None:
    for address in ("/accounts/oidc/school/login/?process=login", "/accounts/oidc/school/login/?prompt=none"):
        page = person.client.get(address)
        assert page.status_code == 200 and "Continue" in page.content.decode() and not school.asked
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/accounts/oidc/school/login/").status_code == 403
    assert person.client.post("/accounts/oidc/school/login/callback/").status_code == 405


@pytest.mark.parametrize(
    "there", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example", "http:evil.example"]
)
def test_an_address_of_another_site_to_go_on_to(there: str, person: Browser, school: School) -> None:
    assert person.sign_in(next=there).headers["Location"] == "/"


def test_parameters_of_the_address_do_not_reach_the_provider(person: Browser, school: School) -> None:
    there = query(
        person.begin(
            auth_params="redirect_uri=https://evil.example&nonce=1&client_id=2", scope="everything", action="x"
        )
    )
    assert there["redirect_uri"] == "http://testserver/accounts/oidc/school/login/callback/"
    assert (there["client_id"], there["scope"]) == ("gradus", "openid profile email") and len(there["nonce"]) == 64


def test_a_process_that_only_the_library_knows(person: Browser, school: School) -> None:
    assert person.sign_in(process="redirect", next="/profile/").headers["Location"] == "/profile/"
    assert person.account


def test_an_addition_by_somebody_who_is_not_signed_in(person: Browser, school: School) -> None:
    person.sign_in(process="connect")
    assert person.account is None and not SocialAccount.objects.exists() and not User.objects.exists()


def test_the_words_of_an_error_are_nobody_elses(person: Browser, school: School) -> None:
    state = query(person.begin())["state"]
    address = "/accounts/oidc/school/login/callback/"
    answer = person.client.get(
        address, {"state": state, "error": "<script>alert(1)</script>", "error_description": "x"}
    )
    assert answer.status_code == 403 and "<script>alert" not in answer.content.decode()
    assert LastRefusal.objects.get().detail == "it sent no code"


def test_an_account_that_was_closed_at_the_school(person: Browser, school: School) -> None:
    person.sign_in()
    again = Browser()
    state = query(again.begin())["state"]
    answer = again.client.get(f"/accounts/oidc/school/login/callback/?error=access_denied&state={state}")
    assert (answer.status_code, again.account) == (403, None)
    assert "did not allow it" in answer.content.decode()


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "claim", "domains", "confirmed"),
    [
        ("lena@uni.edu", True, None, True),
        ("lena@uni.edu", "true", None, True),
        ("lena@uni.edu", None, None, False),
        ("lena@uni.edu", False, None, False),
        ("lena@uni.edu", "false", None, False),
        ("lena@uni.edu", 1, None, False),
        ("lena@uni.edu", "yes", None, False),
        ("lena@uni.edu", None, ["uni.edu"], True),
        ("lena@uni.edu", "False", ["uni.edu"], False),
        ("lena@else.edu", True, ["uni.edu"], False),
        ("lena@evil.uni.edu", True, ["uni.edu"], False),
        ("lena@eviluni.edu", True, ["uni.edu"], False),
    ],
)
def test_a_place_of_an_address_is_for_whoever_confirmed_it(
    email: str, claim: Any, domains: Any, confirmed: bool, person: Browser, school: School, settings, course
) -> None:
    configure(settings, school.setting(confirmed_domains=domains))
    place = factories.member(factories.a_class(course), email=email)
    school.person = {"sub": "somebody", "email": email, "email_verified": claim}
    person.sign_in()
    assert EmailAddress.objects.get().verified == confirmed
    place.refresh_from_db()
    assert (place.user_id is not None) == confirmed


@pytest.mark.parametrize("email", ["\u212aim@uni.edu", "a" * 250 + "@uni.edu", {"a": 1}, ["ada@uni.edu"], 7, "a@b@c"])
def test_an_address_that_is_none_is_asked_for(email: Any, person: Browser, school: School) -> None:
    school.person = {"sub": "somebody", "email": email, "email_verified": True, "name": {"a": 1}, "given_name": "A\x00"}
    assert person.sign_in().headers["Location"] == "/accounts/3rdparty/signup/"
    assert not User.objects.exists()


def test_a_first_log_in_in_two_windows_makes_one_account(person: Browser, school: School, monkeypatch) -> None:
    def meanwhile(email: str) -> None:
        owner = factories.UserFactory.create(email="elsewhere@example.org")
        SocialAccount.objects.create(user=owner, provider="school", uid="ada-1")

    monkeypatch.setattr("gradus.sign_in.adapter.lock_email", meanwhile)
    answer = person.sign_in()
    assert (answer.status_code, person.account, Member.objects.count()) == (403, None, 0)
    assert "made a moment ago, in another window" in answer.content.decode()


def test_a_browser_is_sent_to_the_school_by_a_page(person: Browser, school: School) -> None:
    """A redirect after a form would be one to another site, which the policy of the page's security forbids."""
    page = person.client.post("/accounts/oidc/school/login/")
    assert page.status_code == 200 and "no-store" in page.headers["Cache-Control"]
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert httpx.get(person.begin()).status_code == 302
