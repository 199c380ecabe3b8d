"""Checks the ID token with which a provider says who signs in."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import jwt

from gradus import id_tokens
from gradus.sign_in import asking
from gradus.sign_in.configuration import Provider
from gradus.sign_in.refusals import Refusal

# Signatures with public keys only: with a shared secret, or none, anybody who knows the secret could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SUBJECT_CHARS = 191


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
    expected = {"issuer": provider.issuer, "client_id": provider.client_id}
    try:
        claims = id_tokens.claims_of(token, lambda header: _key(provider, header), algorithms=ALGORITHMS, **expected)
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
        raise Refusal("clock", "the times in its ID token do not fit this server's clock") from None
    except jwt.InvalidAlgorithmError:
        raise Refusal("token", "its ID token is not signed with a public key") from None
    except id_tokens.WrongParty:
        raise Refusal("token", "its ID token was made for another site") from None
    except jwt.PyJWTError as error:
        raise Refusal("token", f"its ID token is not valid ({type(error).__name__})") from None
    nonce, subject = claims["nonce"], claims["sub"]
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), nonce_of(verifier).encode()):
        raise Refusal("token", "its ID token belongs to another log-in")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARS or not subject.isprintable():
        raise Refusal("token", "its ID token names nobody")
    return claims


def _key(provider: Provider, header: dict[str, Any]) -> Any:
    """Returns the key that signed the token. For a key that is not known yet, the keys are fetched again."""
    for fresh in (False, True):
        key = id_tokens.key_for(header, asking.keys(provider, fresh=fresh))
        if key is not None:
            return key
    raise Refusal("keys", "none of its published keys has signed the ID token")
