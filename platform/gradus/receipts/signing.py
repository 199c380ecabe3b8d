"""Signs and checks receipts with Ed25519 (RFC 8032). It uses no Django, so that the command line can check offline.

What is signed is the receipt's canonical JSON (RFC 8785). A receipt is an object whose values are texts, whole numbers,
true, false or null, and its keys are ASCII; for such values `canonical` writes exactly that form.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from challenges.translation import gettext

WELL_KNOWN = "/.well-known/gradus-receipts.json"
PURPOSE = b"gradus receipts, version 1"


class NotValid(Exception):
    """The file is no receipt, or not one that a key of the site has signed. The message says which, for people."""


def private_key(secret: str) -> Ed25519PrivateKey:
    """The key that belongs to a site's secret, always the same, derived by HKDF (RFC 5869)."""
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def public_text(key: Ed25519PrivateKey) -> str:
    """The public key as 43 characters of base64url, which is `x` of a JSON Web Key (RFC 8037)."""
    return _text(key.public_key().public_bytes_raw())


def key_id(public: str) -> str:
    """The first 16 hexadecimal digits of the public key's SHA-256."""
    return hashlib.sha256(_bytes(public)).hexdigest()[:16]


def web_key(public: str) -> dict[str, str]:
    """The public key as a JSON Web Key (RFC 8037)."""
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key_id(public), "x": public}


def canonical(receipt: Mapping[str, Any]) -> bytes:
    """The bytes that are signed."""
    return json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed(receipt: Mapping[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """The receipt with its signature and the key's id."""
    return {
        "receipt": dict(receipt),
        "key": key_id(public_text(key)),
        "signature": _text(key.sign(canonical(receipt))),
    }


def parsed(data: bytes) -> Any:
    """The JSON value in a file or an answer that anybody may have written.

    Raises:
        NotValid: a key stands twice in one object, of which other readers could take the other value.
        ValueError: the bytes are not JSON, or nested so deeply that they cannot be read.
    """
    try:
        return json.loads(data, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def is_provisional(facts: Mapping[str, Any]) -> bool:
    """Whether nobody has settled the grade yet. Receipts of version 0.2.0 say so in `verified_by` alone."""
    return bool(facts.get("provisional")) or facts.get("verified_by", "") is None


def verified(document: Any, keys: Iterable[Any]) -> dict[str, Any]:
    """The receipt in `document`, as `signed` made it, where one of the JSON Web Keys has signed it.

    Raises:
        NotValid: the document has another form, none of the keys is its key, or the signature does not fit.
    """
    match document:
        case {"receipt": dict(receipt), "key": str(name), "signature": str(signature), **more} if not more and _is_flat(
            receipt
        ):
            public = _public(name, keys)
        case _:
            raise NotValid(
                gettext("This is not a receipt: it needs `receipt`, `key` and `signature`, and nothing else.")
            )
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(_bytes(signature), canonical(receipt))
    except (InvalidSignature, ValueError) as error:
        said = gettext("The signature does not fit: the receipt was changed after it was signed.")
        raise NotValid(said) from error
    return receipt


def _public(name: str, keys: Iterable[Any]) -> bytes:
    for key in keys:
        match key:
            case {"kty": "OKP", "crv": "Ed25519", "x": str(public)} if key_id(public) == name:
                return _bytes(public)
    raise NotValid(gettext("None of the site's keys has signed this receipt."))


def _is_flat(receipt: Mapping[str, Any]) -> bool:
    return all(value is None or isinstance(value, str | int) for value in receipt.values())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _value in pairs]
    if len(set(keys)) < len(keys):
        raise NotValid(gettext("A key stands in it twice, so it is not clear what it states. Get the receipt again."))
    return dict(pairs)


def _bytes(text: str) -> bytes:
    """The bytes that `_text` writes as this text. Any other way of writing them is refused."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        data = b""
    if _text(data) != text:
        raise NotValid(gettext("A key or the signature is not written in base64url."))
    return data
