"""Asks a provider of sign-in over HTTP, and never waits long, follows a redirect or reads much."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.core.cache import cache

from gradus.clocks import skew
from gradus.sign_in.configuration import Provider
from gradus.sign_in.refusals import Refusal

TIMEOUT = httpx.Timeout(3.0)
# An answer that comes in small pieces is given up after this many seconds.
SECONDS = 6.0
BYTES = 512 * 1024
# A provider that did not answer is not asked again for so long, because each request would hold a thread of the site.
AWAY_SECONDS = 15
KEPT_SECONDS = 300


def ask(provider: Provider, method: str, address: str, **named: Any) -> tuple[dict[str, Any], httpx.Headers]:
    """Returns the JSON object with which the provider answers, and the headers.

    Raises:
        Refusal: `away`, it does not answer, or says that it cannot; `answer`, it answers something else.
    """
    refuse_address(provider, address)
    if cache.get(_away(provider)):
        raise Refusal("away", "it did not answer a moment ago")
    try:
        status, headers, body = _exchange(method, address, named)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        cache.set(_away(provider), True, AWAY_SECONDS)
        raise Refusal("away", f"{_host(address)} does not answer ({type(error).__name__})") from None
    if status >= 500 or status == 429:
        cache.set(_away(provider), True, AWAY_SECONDS)
        raise Refusal("away", f"{_host(address)} answers with status {status}")
    found = _object(body)
    if status != 200 or found is None:
        said = found.get("error") if found else None
        detail = f" and the error {said[:60]}" if isinstance(said, str) and said.isidentifier() else ""
        raise Refusal("answer", f"{_path(address)} answers with status {status}{detail}", error=detail and str(said))
    return found, headers


def _exchange(method: str, address: str, named: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
    begun, body = time.monotonic(), b""
    with (
        httpx.Client(timeout=TIMEOUT, follow_redirects=False) as client,
        client.stream(
            method, address, headers={"Accept": "application/json"} | named.pop("headers", {}), **named
        ) as got,
    ):
        for piece in got.iter_bytes():
            body += piece
            if len(body) > BYTES or time.monotonic() - begun > SECONDS:
                raise httpx.ReadTimeout("too slow or too large")
        return got.status_code, got.headers, body


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def configuration(provider: Provider, *, fresh: bool = False) -> dict[str, Any]:
    """Returns the provider's published configuration, which is kept for some minutes.

    Raises:
        Refusal: the provider does not answer, or the configuration is not one of this provider.
    """
    key = _key("configuration", provider, provider.issuer)
    found: dict[str, Any] | None = None if fresh else cache.get(key)
    if found is None:
        address = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        found, headers = ask(provider, "GET", address)
        if found.get("issuer") != provider.issuer:
            raise Refusal("issuer", "the issuer in its configuration is another one than in GRADUS_OIDC")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            refuse_address(provider, found.get(name))
        found["gradus_skew"] = skew(headers)
        cache.set(key, found, KEPT_SECONDS)
    return found


def keys(provider: Provider, *, fresh: bool = False) -> list[dict[str, Any]]:
    """Returns the public keys of the provider, which are kept for some minutes."""
    address = str(configuration(provider)["jwks_uri"])
    key = _key("keys", provider, address)
    found: list[dict[str, Any]] | None = None if fresh else cache.get(key)
    if found is None:
        listed = ask(provider, "GET", address)[0].get("keys")
        found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        cache.set(key, found, KEPT_SECONDS)
    return found


def refuse_address(provider: Provider, address: Any) -> None:
    """Raises `Refusal` unless it is an encrypted address, or one on this machine of a provider on this machine."""
    try:
        found = urlsplit(address if isinstance(address, str) else "")
        local = provider.is_local and found.hostname in ("localhost", "127.0.0.1", "::1")
    except ValueError:
        raise Refusal("address", "an address in its configuration cannot be read") from None
    if not found.hostname or found.username or not (found.scheme == "https" or (local and found.scheme == "http")):
        raise Refusal("address", "an address in its configuration is missing or does not begin with https://")


def _away(provider: Provider) -> str:
    return _key("away", provider)


def _key(what: str, provider: Provider, address: str = "") -> str:
    """Returns a key of the cache, which holds no long text and no space."""
    return f"sign_in:{what}:{provider.id}:{hashlib.sha256(address.encode()).hexdigest()[:16]}"


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def _path(address: str) -> str:
    found = urlsplit(address)
    return f"{found.hostname}{found.path}"
