"""Asks a provider of sign-in over HTTP, and keeps what it publishes for some minutes."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from django.core.cache import cache

from gradus import outgoing
from gradus.outgoing import Answer, Policy, Unreachable
from gradus.sign_in.configuration import LOOPBACK, Provider
from gradus.sign_in.refusals import Refusal

STEP_SECONDS, ALL_SECONDS = 3.0, 6.0
MOST_BYTES = 512 * 1024
# A provider that did not answer is not asked again for so long, because each request would hold a thread of the site.
AWAY_SECONDS = 15
KEPT_SECONDS = 300


def ask(provider: Provider, method: str, address: str, **sent: Any) -> Answer:
    """Returns the provider's answer, which has the status 200 and a JSON object.

    `sent` is what `outgoing.send` takes: headers, a form, and the name and password of the site.

    Raises:
        Refusal: `away`, it does not answer, or says that it cannot; `answer`, it answers something else.
    """
    refuse_address(provider, address)
    away, url = _key("away", provider), urlsplit(address)
    if cache.get(away):
        raise Refusal("away", "it did not answer a moment ago")
    try:
        answer = outgoing.send(method, address, _policy(provider), **sent)
    except Unreachable as error:
        if error.refusal is None or error.status >= 500 or error.status == 429:
            cache.set(away, True, AWAY_SECONDS)
            fault = f"does not answer ({error.fault})" if error.fault else f"answers with status {error.status}"
            raise Refusal("away", f"{url.hostname} {fault}") from None
        answer = error.refusal
    reply = answer.object()
    if answer.status != 200 or not reply:
        code = reply.get("error")
        detail = f" and the error {code[:60]}" if isinstance(code, str) and code.isidentifier() else ""
        raise Refusal("answer", f"{url.hostname}{url.path} answers with status {answer.status}{detail}")
    return answer


def configuration(provider: Provider, *, fresh: bool = False) -> dict[str, Any]:
    """Returns the provider's published configuration, which is kept for some minutes.

    Raises:
        Refusal: the provider does not answer, or the configuration is not one of this provider.
    """
    key = _key("configuration", provider, provider.issuer)
    config: dict[str, Any] | None = None if fresh else cache.get(key)
    if config is None:
        answer = ask(provider, "GET", f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        config = {**answer.object(), "gradus_skew": answer.skew}
        if config.get("issuer") != provider.issuer:
            raise Refusal("issuer", "the issuer in its configuration is another one than in GRADUS_OIDC")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            refuse_address(provider, config.get(name))
        cache.set(key, config, KEPT_SECONDS)
    return config


def keys(provider: Provider, *, fresh: bool = False) -> dict[str, Any]:
    """Returns the provider's JSON Web Key Set, which is kept for some minutes. Raises `Refusal` as `ask` does."""
    address = str(configuration(provider)["jwks_uri"])
    key = _key("keys", provider, address)
    key_set: dict[str, Any] | None = None if fresh else cache.get(key)
    if key_set is None:
        key_set = ask(provider, "GET", address).object()
        cache.set(key, key_set, KEPT_SECONDS)
    return key_set


def refuse_address(provider: Provider, address: Any) -> None:
    """Raises `Refusal` unless it is an encrypted address, or one on this machine of a provider on this machine."""
    if not isinstance(address, str) or outgoing.problem_of(address, _policy(provider)):
        raise Refusal("address", "an address in its configuration is missing or does not begin with https://")


def _policy(provider: Provider) -> Policy:
    hosts = LOOPBACK if provider.is_local else ()
    return Policy(hosts, True, STEP_SECONDS, ALL_SECONDS, MOST_BYTES)


def _key(what: str, provider: Provider, address: str = "") -> str:
    """Returns a key of the cache, which holds no long text and no space."""
    return f"sign_in:{what}:{provider.id}:{hashlib.sha256(address.encode()).hexdigest()[:16]}"
