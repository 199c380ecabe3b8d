"""What somebody may send who wants to get in as somebody else, and what becomes of it: nobody gets in."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core import signing
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes.models import Class
from gradus.lti import launches, messages
from gradus.lti.browsers import COOKIE
from gradus.lti.models import Launch, Link, Platform
from tests.lti.platform import CLAIM, SITE, Moodle, begin, launch, private_key, take, web_key

NOW = time.time
Make = Callable[[Moodle, str], str]


def changed(**claims: Any) -> Make:
    """A message that the platform itself has signed, with other claims."""
    return lambda moodle, nonce: moodle.token(nonce, **claims)


def signed(by: str = "first", **headers: Any) -> Make:
    return lambda moodle, nonce: moodle.token(nonce, signed_by=by, headers=headers)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def with_an_empty_azp(moodle: Moodle, nonce: str) -> str:
    claims = {**moodle.claims(nonce), "azp": None}
    return jwt.encode(claims, private_key("first"), algorithm="RS256", headers={"kid": "first"})


def unsigned(alg: str, kid: Any = "first") -> Make:
    return lambda moodle, nonce: f"{part({'alg': alg, 'kid': kid})}.{part(moodle.claims(nonce))}."


def with_public_key_as_secret(moodle: Moodle, nonce: str) -> str:
    """HS256 with the platform's public key, which a verifier that trusts `alg` would take for the secret."""
    secret = private_key("first").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(moodle.claims(nonce))}"
    digest = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def altered(moodle: Moodle, nonce: str) -> str:
    head, _claims, signature = moodle.token(nonce).split(".")
    return f"{head}.{part(moodle.claims(nonce, sub='the teacher'))}.{signature}"


def with_own_key_in_the_header(moodle: Moodle, nonce: str) -> str:
    headers = {"kid": "first", "jwk": web_key("evil"), "jku": "https://evil.example.org/keys"}
    return jwt.encode(moodle.claims(nonce), private_key("evil"), algorithm="RS256", headers=headers)


def without(*names: str) -> Make:
    return changed(**dict.fromkeys(names))


# What is sent, its status, the code of the refusal, and the field that it is about.
MESSAGES: dict[str, tuple[Make, int, str, str]] = {
    "no message": (lambda moodle, nonce: "", 400, "launch_refused", "id_token"),
    "garbage": (lambda moodle, nonce: "a.b.c", 400, "launch_refused", "id_token"),
    "a message of NULs": (lambda moodle, nonce: "\x00.\x00.\x00", 400, "launch_refused", "id_token"),
    "a huge message": (lambda moodle, nonce: "a" * 50_000, 400, "launch_refused", "id_token"),
    "alg none": (unsigned("none"), 400, "launch_refused", "alg"),
    "alg None": (unsigned("None"), 400, "launch_refused", "alg"),
    "RS256 without a signature": (unsigned("RS256"), 400, "launch_refused", "signature"),
    "HS256 with the public key": (with_public_key_as_secret, 400, "launch_refused", "alg"),
    "altered": (altered, 400, "launch_refused", "signature"),
    "another's key under this kid": (signed("evil", kid="first"), 400, "launch_refused", "signature"),
    "a key in the header": (with_own_key_in_the_header, 400, "launch_refused", "signature"),
    "an extension that must be understood": (signed(crit=["exp"]), 400, "launch_refused", "id_token"),
    "an azp that is nobody": (with_an_empty_azp, 400, "launch_refused", "azp"),
    "a kid that is no text": (unsigned("RS256", kid=7), 400, "launch_refused", "id_token"),
    "an empty kid": (signed(kid=""), 400, "launch_refused", "kid"),
    "expired": (changed(exp=int(NOW()) - 120, iat=int(NOW()) - 400), 400, "launch_refused", "exp"),
    "expired long ago": (changed(exp=1, iat=0), 400, "launch_refused", "exp"),
    "from the future": (changed(iat=int(NOW()) + 3000, exp=int(NOW()) + 6000), 400, "launch_refused", "iat"),
    "not valid before tomorrow": (changed(nbf=int(NOW()) + 86400), 400, "launch_refused", "iat"),
    "hours old, and valid for years": (changed(iat=int(NOW()) - 7200, exp=2**33), 400, "launch_refused", "iat"),
    "valid for years": (changed(exp=2**33), 400, "launch_refused", "iat"),
    "an exp that is no number": (changed(exp="soon"), 400, "launch_refused", "id_token"),
    "an exp with 400 digits": (changed(exp=10**400), 400, "launch_refused", "iat"),
    "an iat with 400 digits": (changed(iat=-(10**400)), 400, "launch_refused", "iat"),
    "an exp without end": (changed(exp=float("inf")), 400, "launch_refused", "id_token"),
    "another issuer": (changed(iss="https://evil.example.org"), 400, "launch_refused", "iss"),
    "an issuer with a slash more": (changed(iss="https://moodle.example.org/"), 400, "launch_refused", "iss"),
    "another client": (changed(aud="gradus-2"), 400, "launch_refused", "aud"),
    "several clients and no azp": (changed(aud=["gradus-1", "evil"]), 400, "launch_refused", "azp"),
    "another azp": (changed(aud=["gradus-1", "evil"], azp="evil"), 400, "launch_refused", "azp"),
    "another nonce": (changed(nonce="of another launch"), 400, "launch_refused", "nonce"),
    "a nonce that is no text": (changed(nonce=7), 400, "launch_refused", "nonce"),
    "no nonce": (without("nonce"), 400, "launch_refused", "nonce"),
    "no exp": (without("exp"), 400, "launch_refused", "exp"),
    "no iat": (without("iat"), 400, "launch_refused", "iat"),
    "no iss": (without("iss"), 400, "launch_refused", "iss"),
    "no aud": (without("aud"), 400, "launch_refused", "aud"),
    "nobody": (without("sub"), 400, "launch_refused", "sub"),
    "an empty sub": (changed(sub=" "), 400, "launch_refused", "sub"),
    "a sub that is no text": (changed(sub=7), 400, "launch_refused", "id_token"),
    "a sub that is too long": (changed(sub="a" * 300), 400, "launch_refused", "sub"),
    "a NUL in sub": (changed(sub="a\x00b"), 400, "launch_refused", "sub"),
    "LTI 1.1": (changed(version="LTI-1p0"), 400, "launch_refused", "version"),
    "no version": (without("version"), 400, "launch_refused", "version"),
    "another kind of message": (changed(message_type="LtiStartProctoring"), 400, "launch_refused", "message_type"),
    "no kind of message": (without("message_type"), 400, "launch_refused", "message_type"),
    "no roles": (without("roles"), 400, "launch_refused", "roles"),
    "roles that are no list": (changed(roles="Instructor"), 400, "launch_refused", "roles"),
    "a NUL in the deployment": (changed(deployment_id="\x00"), 400, "launch_refused", "deployment_id"),
    "roles that are no texts": (changed(roles=[{"a": 1}]), 400, "launch_refused", "roles"),
    "no deployment": (without("deployment_id"), 400, "launch_refused", "deployment_id"),
    "another deployment": (changed(deployment_id="2"), 403, "deployment_new", ""),
    "another course": (changed(context={"id": "course-8"}), 409, "context_new", ""),
    "no course": (without("context"), 400, "launch_refused", "context"),
    "a course that is no object": (changed(context=["course-7"]), 400, "launch_refused", "context"),
    "no resource link": (without("resource_link"), 400, "launch_refused", "resource_link"),
    "to another site": (changed(target_link_uri="https://evil.example.org/x"), 422, "target_foreign", ""),
    "to another site, by two slashes": (changed(target_link_uri="//evil.example.org"), 422, "target_foreign", ""),
    "to a script": (changed(target_link_uri="javascript:alert(1)"), 422, "target_foreign", ""),
    "to another port": (changed(target_link_uri="http://testserver:81/"), 422, "target_foreign", ""),
    "to another site by its own field": (
        changed(custom={"gradus_path": "https://evil.example.org/"}),
        *(422, "target_foreign", ""),
    ),
    "to an act": (changed(target_link_uri=f"{SITE}/accounts/logout/"), 422, "target_of_another_course", ""),
    "to the admin": (changed(target_link_uri=f"{SITE}/admin/"), 422, "target_of_another_course", ""),
    "to another course": (changed(target_link_uri=f"{SITE}/courses/other/"), 422, "target_of_another_course", ""),
    "to nothing": (without("target_link_uri"), 422, "target_foreign", ""),
}


def test_a_wrong_message_lets_nobody_in(
    moodle: Moodle, of_class: Class, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them at one site, because a site for each would take a minute."""
    told: list[Any] = []
    monkeypatch.setattr(launches, "note_refusal", lambda platform, refused: told.append(refused))
    got, wanted = {}, {}
    for name, (make, status, code, field) in MESSAGES.items():
        page = launch(visitor, moodle, make=lambda nonce, make=make: make(moodle, nonce))
        refused = told.pop()
        got[name] = page.status_code, refused.code, [one["field"] for one in refused.problems]
        wanted[name] = status, code, [field] if field else []
        text = page.content.decode()
        assert "was refused" in text and "evil.example.org/keys" not in text, name
        assert "_auth_user_id" not in visitor.session, name
    assert got == wanted and len(got) >= 60
    assert not Link.objects.exists() and not of_class.members.exists() and not Launch.objects.exists()
    # Nothing was asked of anybody but the platform, and of that only its keys.
    assert set(moodle.asked) == {moodle.keys_url}


def test_a_message_works_once(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    asked = begin(visitor, moodle)
    token = moodle.token(asked["nonce"])
    first = take(visitor, asked["state"], token)
    for client in (visitor, Client()):
        again = take(client, asked["state"], token)
        assert again.status_code == 409 and "used already" in again.content.decode()
    # Nor does another message for the same log-in.
    other = moodle.token(asked["nonce"], sub="another")
    assert take(visitor, asked["state"], other).status_code == 409
    assert visitor.get(first["Location"]).status_code == 302
    assert visitor.get(first["Location"]).status_code == 410
    assert Link.objects.count() == 1


def test_a_stolen_message_opens_nothing_in_another_browser(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    """The thief has the message and the state, with or without a launch of the thief's own."""
    asked, thief = begin(visitor, moodle), Client()
    begin(thief, moodle)
    sent = take(thief, asked["state"], moodle.token(asked["nonce"]))
    page = thief.get(sent["Location"])
    assert page.status_code == 403 and "did not begin in this browser" in page.content.decode()
    assert Client().get(sent["Location"]).status_code == 403
    assert "_auth_user_id" not in thief.session and not Link.objects.exists()


def test_nobody_is_signed_in_as_the_attacker(
    moodle: Moodle, of_class: Class, visitor: Client, ada_client: Client
) -> None:
    """Log-in CSRF: the attacker has another browser send the attacker's own message."""
    asked = begin(visitor, moodle, login_hint="the attacker")
    before = ada_client.session["_auth_user_id"]
    sent = take(ada_client, asked["state"], moodle.token(asked["nonce"], sub="the attacker"))
    assert ada_client.get(sent["Location"]).status_code == 403
    assert ada_client.session["_auth_user_id"] == before


def test_a_state_is_this_site_s_and_ten_minutes_old_at_most(
    moodle: Moodle, of_class: Class, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = begin(visitor, moodle)
    token = moodle.token(asked["nonce"])
    payload, _, rest = asked["state"].partition(":")
    forged = signing.dumps({"platform": 1, "nonce": "x", "browser": "y"}, salt="another purpose")
    for state in ("", "x", f"{payload}A:{rest}", forged, "a\x00b"):
        page = take(visitor, state, token)
        assert page.status_code == 400 and "did not begin at this site" in page.content.decode()
    monkeypatch.setattr(messages, "STATE_SECONDS", -1)
    assert "more than ten minutes ago" in take(visitor, asked["state"], token).content.decode()
    assert not Launch.objects.exists()


def test_a_message_of_one_platform_does_not_answer_another_s_log_in(
    moodle: Moodle, of_class: Class, operator: User, visitor: Client
) -> None:
    other = Moodle(client_id="gradus-2")
    Platform.objects.create(created_by=operator, **other.form)
    asked = begin(visitor, other)
    page = take(visitor, asked["state"], moodle.token(asked["nonce"]))
    assert page.status_code == 400 and "another client" in page.content.decode()


def test_who_comes_too_late_begins_again(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    asked = begin(visitor, moodle)
    sent = take(visitor, asked["state"], moodle.token(asked["nonce"]))
    Launch.objects.update(enter_until=timezone.now())
    assert visitor.get(sent["Location"]).status_code == 410
    assert visitor.get("/lti/enter?launch=x").status_code == 410
    assert not Link.objects.exists()


def test_a_platform_that_is_switched_off_lets_nobody_in_from_then_on(
    moodle: Moodle, of_class: Class, visitor: Client
) -> None:
    asked = begin(visitor, moodle)
    sent = take(visitor, asked["state"], moodle.token(asked["nonce"]))
    later = begin(visitor, moodle)
    Platform.objects.update(is_open=False)
    assert visitor.get(sent["Location"]).status_code == 410
    assert take(visitor, later["state"], moodle.token(later["nonce"])).status_code == 403
    given = {"iss": moodle.issuer, "login_hint": "7", "target_link_uri": SITE}
    assert visitor.get("/lti/login", given).status_code == 403
    assert not Link.objects.exists()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 404),
        ({"iss": "https://evil.example.org", "login_hint": "7"}, 404),
        ({"iss": "https://moodle.example.org", "client_id": "another", "login_hint": "7"}, 404),
        ({"iss": "https://moodle.example.org"}, 400),
        ({"iss": "https://moodle.example.org", "login_hint": "a" * 5000}, 400),
    ],
)
def test_a_log_in_that_no_platform_would_begin(
    moodle: Moodle, of_class: Class, visitor: Client, given: dict[str, str], status: int
) -> None:
    page = visitor.get("/lti/login", given)
    assert page.status_code == status and COOKIE not in page.cookies


def test_a_platform_that_refuses_is_believed_and_its_words_are_not_shown(
    moodle: Moodle, of_class: Class, visitor: Client
) -> None:
    asked = begin(visitor, moodle)
    sent = {"state": asked["state"], "error": "login_required", "error_description": "Call this number"}
    page = visitor.post("/lti/launch", sent)
    assert page.status_code == 400 and "Call this number" not in page.content.decode()
    assert visitor.get("/lti/launch").status_code == 405


def test_claims_that_are_not_asked_for_change_nothing(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    extra = {"is_staff": True, "user": 1, "learner_data": "editor", "for_user": {"user_id": "x"}}
    launch(visitor, moodle, **extra)
    member = of_class.members.get()
    assert member.learner_data == "none" and member.user is not None and not member.user.is_staff
    assert f"{CLAIM}is_staff" in moodle.claims("x", **extra)
