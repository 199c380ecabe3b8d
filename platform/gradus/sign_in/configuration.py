"""The providers of sign-in as the operator writes them down in GRADUS_OIDC, one JSON list for all of them.

This module uses no model, because the settings read it before there are any.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# A name of allauth's own, under which it would look up all providers at once.
RESERVED = "openid_connect"
# The name under which places in classes are managed.
SOURCE = "oidc:{}"
DOCUMENTED = "docs/operations/sign-in.md"


def _issuer(text: str) -> str:
    found = urlsplit(text)
    plain = found.hostname and not (found.query or found.fragment or found.username or found.password)
    if not plain or not (found.scheme == "https" or (found.scheme == "http" and found.hostname in LOOPBACK)):
        raise ValueError("it takes an address that begins with https://, without a query, such as https://id.uni.edu")
    if "/.well-known/" in text:
        raise ValueError("leave out /.well-known/openid-configuration: Gradus adds it")
    return text


def _id(text: str) -> str:
    if text == RESERVED or not re.fullmatch(r"[a-z0-9](-?[a-z0-9])*", text):
        raise ValueError("it takes small letters, digits and hyphens, such as university")
    return text


def _domain(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", text):
        raise ValueError("it takes a domain in small letters, such as uni.edu")
    return text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds a control character")
    return text


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Rule(_Strict):
    """Whoever has the claim, with this value if one is given, gets a role and perhaps a label in a class."""

    claim: str = Field(min_length=1, max_length=200)
    value: str | None = Field(None, min_length=1, max_length=200)
    of_class: int = Field(alias="class", ge=1)
    role: Literal["learner", "assistant", "instructor"] = "learner"
    label: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_printable)] | None = None

    def matches(self, claims: dict[str, Any]) -> bool:
        """Returns True if the claims hold what the rule asks for."""
        found = _claim(claims, self.claim)
        values = found if isinstance(found, list) else [found]
        texts = {_text(one) for one in values} - {""}
        return bool(texts) if self.value is None else self.value in texts


def _claim(claims: dict[str, Any], name: str) -> Any:
    """Returns a claim by its name, or by a path of names between dots, such as `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else ""
    return str(value) if isinstance(value, str | int) else ""


class Provider(_Strict):
    """A provider of sign-in by OpenID Connect."""

    id: Annotated[str, Field(max_length=40), AfterValidator(_id)]
    name: str = Field(min_length=1, max_length=40)
    issuer: Annotated[str, Field(max_length=300), AfterValidator(_issuer)]
    client_id: str = Field(min_length=1, max_length=191)
    client_secret: SecretStr = Field(min_length=1, max_length=1000)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    confirmed_domains: tuple[Annotated[str, AfterValidator(_domain)], ...] | None = None
    second_factor: bool = False
    rules: tuple[Rule, ...] = ()

    @property
    def is_local(self) -> bool:
        """True for a provider on this machine, which alone may be asked without encryption."""
        return urlsplit(self.issuer).hostname in LOOPBACK

    def has_confirmed(self, email: str, claim: Any) -> bool:
        """Returns True if the address counts as confirmed: by its domain if the operator lists some, else by the claim.

        A claim that says false always counts. Some providers send it as a text.
        """
        said = claim.strip().lower() if isinstance(claim, str) else claim
        if said is False or said == "false":
            return False
        if self.confirmed_domains is not None:
            return email.rpartition("@")[2].lower() in self.confirmed_domains
        return said is True or said == "true"

    def places(self, claims: dict[str, Any]) -> list[dict[str, Any]]:
        """Returns the role and label of each rule that the claims meet, as JSON."""
        met = [rule for rule in self.rules if rule.matches(claims)]
        return [{"class": rule.of_class, "role": rule.role, "label": rule.label} for rule in met]


LIST = TypeAdapter(tuple[Provider, ...])


def read(text: str, name: str = "GRADUS_OIDC") -> tuple[Provider, ...]:
    """Returns the providers that the setting lists.

    Raises:
        ImproperlyConfigured: the setting is wrong. The error says where, and repeats no value, because one of them is
            a secret.
    """
    if not text.strip():
        return ()
    try:
        found = LIST.validate_json(text)
    except ValidationError as error:
        lines = "".join(f"\n  {_where(one['loc'])}{_said(one)}" for one in error.errors(include_input=False))
        raise ImproperlyConfigured(f"{name} cannot be read ({DOCUMENTED}):{lines}") from None
    for field in ("id", "name"):
        values = [getattr(one, field) for one in found]
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise ImproperlyConfigured(f"{name}: two providers have the {field} {twice[0]!r} ({DOCUMENTED})")
    for one in found:
        if "openid" not in one.scopes:
            raise ImproperlyConfigured(f"{name}: the scopes of {one.id} lack openid ({DOCUMENTED})")
    return found


def _where(place: tuple[int | str, ...]) -> str:
    """Says where in the list something is wrong, in words that count from 1."""
    names = [f"number {part + 1}" if isinstance(part, int) else part for part in place]
    return f"{', '.join(names)}: " if names else ""


def _said(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")
