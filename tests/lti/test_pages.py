"""Operators register platforms, approve deployments and connect courses; nobody else sees these pages."""

from __future__ import annotations

import pytest
from django.test import Client

from gradus.accounts.models import StaffAction, User
from gradus.classes.models import Class
from gradus.lti.models import Context, Deployment, Platform
from tests import factories
from tests.conftest import logged_in
from tests.lti.platform import Moodle, launch

PAGES = "/teach/platforms/"


def test_from_the_form_to_a_learner_in_the_class(
    moodle: Moodle, operator: User, visitor: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    staff, course = logged_in(operator), factories.tiny_course(tmp_path_factory.mktemp("course") / "tiny")
    of_class = factories.a_class(course)
    page = staff.get(PAGES).content.decode()
    assert "No platform is registered" in page and "http://testserver/lti/launch" in page
    assert "http://testserver/lti/login" in staff.get(f"{PAGES}new").content.decode()
    platform = staff.post(f"{PAGES}new", moodle.form)["Location"]
    page = staff.get(platform).content.decode()
    assert "Its keys were fetched" in page and "Nobody has come from it yet." in page
    assert launch(visitor, moodle).status_code == 403
    page = staff.get(PAGES).content.decode()
    assert "1 deployment waits for your approval" in page and "is not approved here yet" in page
    deployment = Deployment.objects.get()
    staff.post(f"{platform}deployments/{deployment.pk}", {"action": "approve"})
    assert launch(visitor, moodle).status_code == 409
    assert "Models of language" in staff.get(platform).content.decode()
    staff.post(f"{platform}contexts/{Context.objects.get().pk}", {"of_class": of_class.pk})
    assert launch(visitor, moodle).status_code == 302
    assert of_class.members.count() == 1
    acts = StaffAction.objects.filter(what="platform_changed").order_by("pk")
    assert [sorted(one.details.get("after", {})) for one in acts][1:] == [["approved", "deployment"], ["class"]]
    assert f"{of_class.title}" in staff.get(platform).content.decode()
    staff.post(f"{platform}deployments/{deployment.pk}", {"action": "end"})
    assert launch(visitor, moodle).status_code == 403


def test_who_teaches_or_learns_sees_nothing_of_it(platform: Platform, of_class: Class, ada: User) -> None:
    factories.member(of_class, ada, learner_data="editor")
    client, pages = logged_in(ada), [PAGES, f"{PAGES}new", f"{PAGES}{platform.pk}/"]
    assert [client.get(page).status_code for page in pages] == [404] * 3
    assert [client.post(page, {"action": "close"}).status_code for page in pages] == [404] * 3
    for part in (f"deployments/{Deployment.objects.get().pk}", f"contexts/{Context.objects.get().pk}"):
        assert client.post(f"{PAGES}{platform.pk}/{part}", {"action": "end"}).status_code == 404
    assert Client().get(PAGES).status_code == 302
    assert Platform.objects.get().is_open and Deployment.objects.get().approved_at
    assert "/teach/platforms/" not in client.get("/teach/").content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("keys_url", value) for value in ("", "http://moodle.example.org/keys", "keys", "https://a\x00b")],
        *[("issuer", value) for value in ("", "a\x00b", "a" * 300)],
        *(("title", ""), ("client_id", ""), ("token_url", "ftp://x"), ("keys_url", "https://300.1.1.1/jwks")),
        *[("hosts", value) for value in ("https://a.example.org", "a.example.org, b.example.org", "a.example.org/x")],
    ],
)
def test_what_is_wrong_stands_beside_its_field(moodle: Moodle, operator: User, field: str, value: str) -> None:
    page = logged_in(operator).post(f"{PAGES}new", {**moodle.form, field: value})
    assert page.status_code == 422 and page.context["form"].errors[field]
    assert not Platform.objects.exists()


def test_a_registration_is_there_once(platform: Platform, moodle: Moodle, operator: User) -> None:
    page = logged_in(operator).post(f"{PAGES}new", moodle.form)
    assert page.status_code == 422 and "already" in str(page.context["form"].errors["issuer"])


def test_addresses_change_and_issuer_and_client_do_not(platform: Platform, moodle: Moodle, operator: User) -> None:
    staff, page = logged_in(operator), f"{PAGES}{platform.pk}/"
    keys_url = "https://keys.example.org/"
    moodle.answers[keys_url] = None
    given = {**moodle.form, "issuer": "https://evil.example.org", "client_id": "evil", "keys_url": keys_url}
    assert staff.post(page, given).status_code == 302
    platform.refresh_from_db()
    assert (platform.issuer, platform.client_id) == (moodle.issuer, moodle.client_id)
    # The keys of another address count no longer.
    assert platform.keys is None and platform.keys_fault == "It is away."
    assert "It is away." in staff.get(page).content.decode()
    assert staff.post(page, {**given, "auth_url": "x"}).status_code == 422
    moodle.answers[keys_url] = moodle.answers[moodle.keys_url]
    assert "keys are here" in staff.post(page, {"action": "check"}, follow=True).content.decode()


def test_a_platform_is_switched_off_and_on(platform: Platform, operator: User) -> None:
    staff, page = logged_in(operator), f"{PAGES}{platform.pk}/"
    assert "switched off" in staff.post(page, {"action": "close"}, follow=True).content.decode()
    assert not Platform.objects.get().is_open
    staff.post(page, {"action": "open"})
    assert Platform.objects.get().is_open


def test_a_class_is_one_course_of_a_platform(of_class: Class, platform: Platform, operator: User) -> None:
    other = Context.objects.create(deployment=Deployment.objects.get(), context_id="8")
    staff, address = logged_in(operator), f"{PAGES}{platform.pk}/contexts/{other.pk}"
    assert staff.post(address, {"of_class": of_class.pk}).status_code == 422
    free = factories.a_class(of_class.course, title="Second")
    assert staff.post(address, {"of_class": free.pk}).status_code == 302
    assert staff.post(address, {"of_class": ""}).status_code == 302
    other.refresh_from_db()
    assert other.of_class is None
    # A part of another platform is not there.
    assert staff.post(f"{PAGES}{platform.pk + 1}/contexts/{other.pk}", {"of_class": ""}).status_code == 404
