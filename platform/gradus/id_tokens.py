"""Checks the ID tokens with which providers of sign-in and learning platforms say who comes, by their published keys.

PyJWT checks the signature, the times, the issuer and the audience.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# By how much the clocks of who signs and of this server may differ.
LEEWAY_SECONDS = 60
REQUIRED = ["exp", "iat", "nonce", "iss", "aud", "sub"]
# Signatures with public keys only: with a shared secret, or none, anybody who knows the secret could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
MOST_KEYS = 50
LEAST_RSA_BITS = 2048


class WrongParty(jwt.InvalidTokenError):
    """Another client has asked for the token (`azp`), or it is for several, and does not say which one asked."""


def claims_of(
    token: str, key_of: Callable[[dict[str, Any]], Any], *, algorithms: Sequence[str], issuer: str, client_id: str
) -> dict[str, Any]:
    """Returns the claims of an ID token, whose nonce the caller compares. `key_of` finds the key by the token's header.

    Raises:
        jwt.PyJWTError: the token is not valid: `jwt.InvalidAlgorithmError`, `WrongParty` and PyJWT's own errors.
    """
    header = _checked(jwt.get_unverified_header, token)
    if header.get("alg") not in algorithms:
        raise jwt.InvalidAlgorithmError("The algorithm is not allowed")
    if "crit" in header:
        raise jwt.InvalidTokenError("No extension is supported")
    claims: dict[str, Any] = _checked(
        jwt.decode, token, key_of(header), algorithms=list(algorithms), audience=client_id, issuer=issuer,
        leeway=LEEWAY_SECONDS, options={"require": REQUIRED},
    )  # fmt: skip
    audience = claims["aud"]
    is_for_several = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", None if is_for_several else client_id) != client_id:
        raise WrongParty("Another client has asked for the token")
    return claims


def _checked(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Calls PyJWT, which lets errors of Python through where a claim is of a strange type or size."""
    try:
        return function(*given, **named)
    except jwt.PyJWTError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise jwt.DecodeError(type(error).__name__) from None


def public_keys(key_set: Any, algorithms: Sequence[str]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yields the public keys of a JSON Web Key Set for signatures by these algorithms, each as JSON and as a key.

    Whatever else is in the set is left out: private keys, short ones, and all after the first 50.
    """
    listed = key_set.get("keys") if isinstance(key_set, dict) else None
    # A list, because a strange key may have a type that no set can look up.
    types = [KEY_TYPES[name[:2]] for name in algorithms]
    for jwk in listed[:MOST_KEYS] if isinstance(listed, list) else ():
        if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or "d" in jwk:
            continue
        if jwk.get("kty") not in types or jwk.get("alg", algorithms[0]) not in algorithms:
            continue
        try:
            key = jwt.PyJWK(jwk).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if not isinstance(key, RSAPublicKey) or key.key_size >= LEAST_RSA_BITS:
            yield jwk, key


def key_for(header: dict[str, Any], key_set: Any) -> Any:
    """Returns the key of the set that has signed a token with this header, or None if it is not there."""
    for jwk, key in public_keys(key_set, [header["alg"]]):
        if "kid" not in header or jwk.get("kid") == header["kid"]:
            return key
    return None
