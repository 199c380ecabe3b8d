"""A platform registers itself by a link of an operator's, and waits for approval; it cannot lie about who it is."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus import outgoing
from gradus.accounts.models import StaffAction, User
from gradus.lti import registering, services
from gradus.lti.models import Deployment, Platform, RegistrationLink
from gradus.outgoing import Unreachable
from tests.conftest import logged_in
from tests.lti.platform import ISSUER, SITE, Moodle, launch, registered

CONFIGURATION = f"{ISSUER}/mod/lti/openid-configuration.php"
REGISTER = f"{ISSUER}/mod/lti/openid-registration.php"
KEY = "the.key.of-this-registration"
NEW = {"client_id": "gradus-1", registering.TOOL: {"deployment_id": "1"}}


class Registry:
    """The platform's side. `configuration` and `given` are what it answers; an exception is raised."""

    def __init__(self, moodle: Moodle) -> None:
        self.moodle = moodle
        self.configuration: Any = {
            "issuer": ISSUER,
            "registration_endpoint": REGISTER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": moodle.keys_url,
        }
        self.given: Any = NEW
        self.received: list[tuple[dict[str, str], Any]] = []

    def send(self, method: str, address: str, **given: Any) -> outgoing.Answer:
        if address == CONFIGURATION:
            return self._answer(self.configuration)
        if address == REGISTER:
            assert method == "POST"
            self.received.append((given["headers"], json.loads(given["content"])))
            return self._answer(self.given)
        return self.moodle.send(method, address, **given)

    def _answer(self, value: Any) -> outgoing.Answer:
        if isinstance(value, Exception):
            raise value
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return outgoing.Answer(200, httpx.Headers(), body)


@pytest.fixture
def registry(moodle: Moodle, monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry(moodle)
    monkeypatch.setattr(outgoing, "send", made.send)
    return made


@pytest.fixture
def link(operator: User) -> str:
    return registering.make(by=operator)


def page(link: str, configuration: str = CONFIGURATION, **more: str) -> str:
    given = httpx.QueryParams({"openid_configuration": configuration, "registration_token": KEY, **more})
    return f"/lti/register/{link}?{given}"


def test_from_the_link_to_a_learner(registry: Registry, operator: User, visitor: Client, moodle: Moodle) -> None:
    staff = logged_in(operator)
    found = re.search(r"http://testserver/lti/register/([\w-]+)", staff.post("/teach/platforms/link").content.decode())
    assert found
    shown = visitor.get(page(found[1]), headers={"Sec-Fetch-Dest": "iframe"})
    assert shown.status_code == 200 and "Register with moodle.example.org" in shown.content.decode()
    assert "frame-ancestors *" in shown["Content-Security-Policy"] and not registry.received
    done = visitor.post(page(found[1])).content.decode()
    assert "org.imsglobal.lti.close" in done and '"https://moodle.example.org"' in done
    ((headers, sent),) = registry.received
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert sent["redirect_uris"] == [f"{SITE}/lti/launch"] and sent["jwks_uri"] == f"{SITE}/lti/keys.json"
    assert sent["initiate_login_uri"] == f"{SITE}/lti/login"
    assert "lti-ags/scope/score" in sent["scope"] and "contextmembership.readonly" in sent["scope"]
    tool = sent[registering.TOOL]
    assert tool["domain"] == "testserver" and tool["messages"][1]["target_link_uri"] == f"{SITE}/lti/pick"
    # It waits, as does its deployment.
    made = registered(moodle)
    assert (made.is_open, made.waits, made.created_by) == (False, True, operator) and made.keys is not None
    assert Deployment.objects.get().approved_at is None and launch_is_refused(visitor, moodle)
    address = f"/teach/platforms/{made.pk}/"
    assert "waits for your approval" in staff.get("/teach/platforms/").content.decode()
    assert "Approve the platform" in staff.get(address).content.decode()
    assert "The platform is approved." in staff.post(address, {"action": "open"}, follow=True).content.decode()
    made = registered(moodle)
    assert made.is_open and not made.waits
    assert "deployment 1 of moodle.example.org is not approved" in launch(visitor, moodle).content.decode()
    staff.post(address, {"action": "close"})
    assert "switched off" in staff.get(address).content.decode()
    assert "come from it again" in staff.post(address, {"action": "open"}, follow=True).content.decode()
    notes = StaffAction.objects.filter(what="platform_changed").order_by("pk")
    assert notes[0].details["after"]["by_link"] is True and "operator" in notes[0].who


def launch_is_refused(visitor: Client, moodle: Moodle) -> bool:
    given = {"iss": moodle.issuer, "client_id": moodle.client_id, "login_hint": "7"}
    refused = visitor.get("/lti/login", given)
    return refused.status_code == 403 and "has not approved this platform yet" in refused.content.decode()


def test_a_registration_that_waits_takes_nothing_from_one_that_works(
    registry: Registry, link: str, visitor: Client, moodle: Moodle, operator: User
) -> None:
    services.add(by=operator, **moodle.form)
    registry.given = {"client_id": "gradus-2"}
    assert visitor.post(page(link)).status_code == 200
    given = {"iss": moodle.issuer, "login_hint": "7"}
    assert "client_id=gradus-1" in visitor.get("/lti/login", given)["Location"]
    Platform.objects.update(is_open=True)
    assert visitor.get("/lti/login", given).status_code == 404


def test_a_fault_of_this_site_does_not_use_the_link_up(registry: Registry, link: str, visitor: Client) -> None:
    registry.given = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        visitor.post(page(link))
    assert RegistrationLink.objects.get().used_at is None
    registry.given = NEW
    assert visitor.post(page(link)).status_code == 200


def test_a_link_works_once_and_for_a_day(registry: Registry, link: str, visitor: Client, operator: User) -> None:
    assert visitor.post(page(link)).status_code == 200
    for again in (visitor.get(page(link)), visitor.post(page(link)), visitor.get(page("x"))):
        assert again.status_code == 410 and "not registered" in again.content.decode()
    assert Platform.objects.count() == 1 and len(registry.received) == 1
    late, from_another = registering.make(by=operator), registering.make(by=operator)
    RegistrationLink.objects.filter(platform=None).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert visitor.post(page(late)).status_code == 410
    RegistrationLink.objects.filter(platform=None).update(expires_at=timezone.now() + timedelta(hours=1))
    User.objects.filter(pk=operator.pk).update(is_staff=False)
    assert visitor.post(page(from_another)).status_code == 410


def test_only_operators_make_links(registry: Registry, ada: User, guest_client: Client) -> None:
    assert logged_in(ada).post("/teach/platforms/link").status_code == 404
    for client in (guest_client, Client()):
        assert client.post("/teach/platforms/link")["Location"].startswith("/accounts/login/")
    assert not RegistrationLink.objects.exists()


EVIL = "https://evil.example.org"
LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"issuer": EVIL}, "not of the configuration"),
    "an issuer that begins the same": ({"issuer": f"{ISSUER}.evil.org"}, "not of the configuration"),
    "an issuer without https": ({"issuer": "http://moodle.example.org"}, "not of the configuration"),
    "no issuer": ({"issuer": None}, "not of the configuration"),
    "another place for the registration": ({"registration_endpoint": f"{EVIL}/r"}, "not of the configuration"),
    "no place for the registration": ({"registration_endpoint": 7}, "not of the configuration"),
    "no keys": ({"jwks_uri": None}, "cannot be used"),
    "keys without https": ({"jwks_uri": "http://moodle.example.org/k"}, "https://"),
    "no page for log-ins": ({"authorization_endpoint": ""}, "cannot be used"),
    "keys at no address": ({"jwks_uri": "https://300.1.1.1/k"}, "cannot be used"),
    "a script for log-ins": ({"authorization_endpoint": "javascript:alert(1)"}, "https://"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_configuration_that_lies_registers_nothing(registry: Registry, link: str, visitor: Client, name: str) -> None:
    change, said = LIES[name]
    registry.configuration |= change
    shown = visitor.post(page(link))
    assert shown.status_code == 422 and said in shown.content.decode(), shown.content.decode()
    # Nothing was sent, and the operator may try again.
    assert not registry.received and not Platform.objects.exists()
    assert RegistrationLink.objects.get().used_at is None


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("configuration", Unreachable("It is away."), "It is away."),
        ("configuration", b"<html>", "not JSON"),
        ("configuration", ["a"], "not a JSON object"),
        ("given", Unreachable("The platform answered with the status 401.", status=401), "status 401"),
        ("given", b"<html>", "not JSON"),
        ("given", {"error": "invalid_token"}, "no client id"),
        ("given", {"client_id": 7}, "no client id"),
        ("given", ["a"], "no client id"),
    ],
)
def test_a_platform_that_answers_nonsense_is_not_registered(
    registry: Registry, link: str, visitor: Client, part: str, value: Any, said: str
) -> None:
    setattr(registry, part, value)
    shown = visitor.post(page(link))
    assert shown.status_code == 422 and said in shown.content.decode()
    assert not Platform.objects.exists() and RegistrationLink.objects.get().used_at is None


@pytest.mark.parametrize(
    "configuration",
    [
        "",
        "x",
        "http://moodle.example.org/",
        "file:///etc/passwd",
        f"{ISSUER}/{'a' * 3000}",
        "https://a@moodle.example.org",
    ],
)
def test_an_address_that_is_none_is_not_asked(
    registry: Registry, link: str, visitor: Client, configuration: str
) -> None:
    for send in (visitor.get, visitor.post):
        assert send(page(link, configuration)).status_code == 422
    assert not registry.moodle.asked and not registry.received


def test_a_key_that_is_no_key_is_not_sent_and_none_is_needed(registry: Registry, link: str, visitor: Client) -> None:
    for key in ("a\tb", "ä", "a" * 9000):
        assert visitor.post(page(link, registration_token=key)).status_code in (400, 422)
    assert not registry.received
    assert visitor.post(page(link, registration_token="")).status_code == 200
    assert "Authorization" not in registry.received[0][0]


def test_a_registration_is_there_once(
    registry: Registry, link: str, visitor: Client, operator: User, moodle: Moodle
) -> None:
    services.add(by=operator, **moodle.form)
    assert "already" in visitor.post(page(link)).content.decode()
    assert Platform.objects.count() == 1 and registered(moodle).is_open


def test_the_database_refuses_an_approval_of_nothing(registry: Registry, link: str) -> None:
    for change in ({"approved_at": timezone.now()}, {"platform": Platform(pk=7)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            RegistrationLink.objects.update(**change)
