"""Checks the ID token with which a provider says who signs in."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import jwt

from gradus.sign_in import asking
from gradus.sign_in.configuration import Provider
from gradus.sign_in.refusals import Refusal

# Signatures with public keys only: with a shared secret, or none, anybody who knows the secret could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
# By how much the clocks of the provider and of this server may differ.
LEEWAY_SECONDS = 60
SUBJECT_CHARS = 191
REQUIRED = ["iss", "sub", "aud", "exp", "iat"]


def nonce_of(verifier: str) -> str:
    """Returns the nonce that belongs to a code verifier, which only this browser's session knows."""
    return hashlib.sha256(f"nonce {verifier}".encode()).hexdigest()


def claims_of(provider: Provider, token: Any, verifier: str) -> dict[str, Any]:
    """Returns the claims of an ID token.

    Raises:
        Refusal: the token is not one of this provider for this site and this log-in.
    """
    if not isinstance(token, str):
        raise Refusal("token", "it sent no ID token")
    key = _key(provider, token)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=provider.client_id,
            issuer=provider.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
        raise Refusal("clock", "the times in its ID token do not fit this server's clock") from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise Refusal("token", f"its ID token is not valid ({type(error).__name__})") from None
    _refuse_foreign(provider, claims, verifier)
    return claims


def _refuse_foreign(provider: Provider, claims: dict[str, Any], verifier: str) -> None:
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), nonce_of(verifier).encode()):
        raise Refusal("token", "its ID token belongs to another log-in")
    audience = claims["aud"]
    for_others = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", provider.client_id if not for_others else None) != provider.client_id:
        raise Refusal("token", "its ID token was made for another site")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARS or not subject.isprintable():
        raise Refusal("token", "its ID token names nobody")


def _key(provider: Provider, token: str) -> Any:
    """Returns the key that signed the token. For a key that is not known yet, the keys are fetched again."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        raise Refusal("token", "its ID token cannot be read") from None
    if header.get("alg") not in ALGORITHMS or "crit" in header:
        raise Refusal("token", "its ID token is not signed with a public key")
    for fresh in (False, True):
        for one in asking.keys(provider, fresh=fresh):
            if _fits(one, header) and (key := _parsed(one)) is not None:
                return key
    raise Refusal("keys", "none of its published keys has signed the ID token")


def _fits(key: dict[str, Any], header: dict[str, Any]) -> bool:
    named = "kid" not in header or key.get("kid") == header["kid"]
    kind = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[header["alg"][:2]]
    return (
        named and key.get("kty") == kind and key.get("use", "sig") == "sig" and key.get("alg") in (None, header["alg"])
    )


def _parsed(key: dict[str, Any]) -> Any:
    try:
        return jwt.PyJWK(key).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None


def usable_keys(provider: Provider) -> int:
    """Returns how many of the published keys Gradus can check signatures with."""
    kinds = ("RSA", "EC", "OKP")
    listed = [one for one in asking.keys(provider, fresh=True) if one.get("kty") in kinds and one.get("use") != "enc"]
    return sum(_parsed(one) is not None for one in listed)
