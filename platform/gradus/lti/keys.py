"""The keys of this site, with which it signs what it sends, and those of platforms, with which they sign launches."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from jwt.algorithms import RSAAlgorithm

from gradus import id_tokens, outgoing
from gradus.lti.models import REFUSAL_CHARS, Platform, ToolKey
from gradus.refusal import Refused

PURPOSE = b"gradus lti keys, version 1"
BITS = 2048
PUBLISHED_FIRST = timedelta(days=1)
# How long a key signs, and how long it stays published after that for what it has signed.
LASTS, STAYS = timedelta(days=90), timedelta(days=2)
# A platform's keys are asked for again after this time, and at once where a key is unknown, but not more often.
FRESH, AT_MOST_EVERY = timedelta(days=1), timedelta(minutes=1)
# The specification has platforms sign with RS256.
ALGORITHMS = ("RS256",)


def _cipher(secret: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def make() -> ToolKey:
    """Makes a key. The first one signs at once; any later one is published for a day before it signs."""
    key, now = generate_private_key(public_exponent=65537, key_size=BITS), timezone.now()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    kid = get_random_string(22)
    with transaction.atomic():
        waits = usable().exists()
        return ToolKey.objects.create(
            kid=kid,
            public={**{name: public[name] for name in ("kty", "n", "e")}, "kid": kid, "alg": "RS256", "use": "sig"},
            private=_cipher(settings.SECRET_KEY).encrypt(pem).decode(),
            created_at=now,
            signs_from=now + PUBLISHED_FIRST if waits else now,
        )


def usable() -> Any:
    """Returns the keys that are published."""
    return ToolKey.objects.filter(Q(retired_at=None) | Q(retired_at__gt=timezone.now()))


def published() -> list[dict[str, str]]:
    """Returns this site's public keys as JSON Web Keys."""
    return list(usable().values_list("public", flat=True))


def ensure() -> None:
    """Makes a key if there is none, or none that the site's secret decrypts."""
    if not any(_private(key) for key in usable()):
        make()


def _private(key: ToolKey) -> RSAPrivateKey | None:
    try:
        pem = _cipher(settings.SECRET_KEY).decrypt(key.private.encode())
    except InvalidToken:
        return None
    private = load_pem_private_key(pem, None)
    assert isinstance(private, RSAPrivateKey)
    return private


def signing() -> tuple[str, RSAPrivateKey]:
    """Returns the id and the private half of the newest key that signs now."""
    for key in usable().filter(signs_from__lte=timezone.now()):
        if private := _private(key):
            return key.kid, private
    made = make()
    ToolKey.objects.filter(pk=made.pk).update(signs_from=F("created_at"))
    return signing()


def signed(claims: Mapping[str, Any]) -> str:
    """Returns the claims as a message that this site has signed."""
    kid, private = signing()
    return jwt.encode(dict(claims), private, algorithm="RS256", headers={"kid": kid})


def rotate() -> int:
    """Makes the next key once the newest is old, and says when those before it go. Returns how many were made."""
    kept = list(usable().filter(retired_at=None))
    if not kept or kept[0].created_at > timezone.now() - LASTS:
        return 0
    made = make()
    ToolKey.objects.filter(pk__in=[one.pk for one in kept]).update(retired_at=made.signs_from + STAYS)
    return 1


# --- keys of platforms -------------------------------------------------------------------------------------------


def key_of(platform: Platform, kid: str) -> RSAPublicKey | None:
    """Returns the platform's public key of this id, and asks the platform for its keys where it is not known.

    Returns None if the platform has no such key.

    Raises:
        Refused: 503, the key is not known, and the platform does not answer, or was asked less than a minute ago.
    """
    header, now, fault = {"alg": "RS256", "kid": kid}, timezone.now(), ""
    key: RSAPublicKey | None = id_tokens.key_for(header, platform.keys)
    if key is not None and platform.keys_at is not None and platform.keys_at > now - FRESH:
        return key
    # Of many launches at once, one asks.
    due = Q(asked_at=None) | Q(asked_at__lt=now - AT_MOST_EVERY)
    if Platform.objects.filter(due, pk=platform.pk).update(asked_at=now):
        fault = fetch(platform)
        key = id_tokens.key_for(header, platform.keys)
    elif key is None:
        fault = _("Its keys were asked for less than a minute ago. Try again in a minute.")
    if fault and key is None:
        reason = _("The keys of the platform cannot be fetched: %(why)s") % {"why": fault}
        raise Refused("platform_away", reason, 503, retry_after=60)
    return key


def fetch(platform: Platform) -> str:
    """Asks the platform for its keys and stores them. Returns what went wrong, or "". Earlier keys stay then.

    A key that the platform no longer publishes is gone with that.
    """
    platform.asked_at = timezone.now()
    Platform.objects.filter(pk=platform.pk).update(asked_at=platform.asked_at)
    try:
        answer = outgoing.send("GET", platform.keys_url)
        platform.skew, key_set = answer.skew, answer.json()
        if not any(isinstance(jwk.get("kid"), str) for jwk, _key in id_tokens.public_keys(key_set, ALGORITHMS)):
            raise outgoing.Unreachable(_("The platform publishes no RSA key for signatures."))
    except outgoing.Unreachable as error:
        platform.keys_fault = str(error)[:REFUSAL_CHARS]
        Platform.objects.filter(pk=platform.pk).update(keys_fault=platform.keys_fault)
        return platform.keys_fault
    kept = {"keys": [jwk for jwk in key_set["keys"] if isinstance(jwk, dict)][: id_tokens.MOST_KEYS]}
    platform.keys, platform.keys_at, platform.keys_fault = kept, platform.asked_at, ""
    Platform.objects.filter(pk=platform.pk).update(keys=kept, keys_at=platform.keys_at, keys_fault="")
    return ""
