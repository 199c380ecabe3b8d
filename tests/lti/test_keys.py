"""The keys of this site at rest and as they are published, and which keys of a platform count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings as site
from django.test import Client
from django.utils import timezone

from gradus import outgoing
from gradus.accounts.models import User
from gradus.lti import keys, services
from gradus.lti.models import Platform, ToolKey
from tests.lti.platform import Moodle, web_key


def test_a_key_is_published_and_its_private_half_is_not(platform: Platform, moodle: Moodle) -> None:
    (key,) = Client().get("/lti/keys.json").json()["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "alg", "use"}
    kept = ToolKey.objects.get()
    assert kept.kid == key["kid"] and "PRIVATE" not in kept.private
    pem = keys._cipher(site.SECRET_KEY).decrypt(kept.private.encode())
    assert load_pem_private_key(pem, None).key_size == keys.BITS
    assert kept.signs_from == kept.created_at


def test_a_second_key_is_published_a_day_before_it_signs(platform: Platform, operator: User) -> None:
    second = keys.make()
    assert second.signs_from - second.created_at == timedelta(days=1)
    assert len(keys.published()) == 2
    ToolKey.objects.filter(pk=second.pk).update(retired_at=second.signs_from + timedelta(seconds=1))
    assert len(keys.published()) == 2
    services.add(by=operator, **Moodle(client_id="another").form)
    assert ToolKey.objects.count() == 2


def test_another_secret_makes_another_key(platform: Platform, operator: User, settings: Any) -> None:
    settings.SECRET_KEY = "another secret of this site, after a restored backup"
    keys.ensure()
    assert ToolKey.objects.count() == 2


@pytest.mark.parametrize(
    "published",
    [
        *(b"", b"no JSON", [], {}, {"keys": {}}, {"keys": [7]}, {"keys": []}),
        {"keys": [web_key("first", use="enc")]},
        {"keys": [web_key("first", alg="HS256")]},
        {"keys": [web_key("first", kty="oct", k="secret")]},
        {"keys": [web_key("first", kty=["RSA"])]},
        {"keys": [web_key("first", alg=["RS256"])]},
        {"keys": [web_key("first", kid=7)]},
        {"keys": [{**web_key("first"), "n": "AQAB"}]},
        {"keys": [{**web_key("first"), "n": "!"}]},
        {"keys": [{**web_key("first"), "d": "AQAB"}]},
        outgoing.Unreachable("It sends to another address."),
    ],
)
def test_keys_that_cannot_be_used_take_no_place(platform: Platform, moodle: Moodle, published: Any) -> None:
    moodle.answers[moodle.keys_url] = published
    assert keys.fetch(platform)
    kept = Platform.objects.get()
    assert kept.keys_fault and kept.keys["keys"][0]["kid"] == "first"


def test_old_keys_are_asked_for_again(platform: Platform, moodle: Moodle) -> None:
    Platform.objects.update(keys_at=timezone.now() - keys.FRESH, asked_at=timezone.now() - keys.FRESH)
    before = len(moodle.asked)
    for _launch in range(3):
        keys.key_of(Platform.objects.get(), "first")
    assert len(moodle.asked) == before + 1
