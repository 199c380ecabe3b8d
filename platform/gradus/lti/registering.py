"""Dynamic registration: a platform registers this site, and itself here, by a link that an operator has made.

The link is its own permission: it is a secret, lasts a day and works once. What it registers waits for an operator.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus import outgoing
from gradus.accounts.models import User, digest_of
from gradus.lti import keys, rosters, sending, services
from gradus.lti.messages import PICK, text_of
from gradus.lti.models import TITLE_CHARS, URL_CHARS, Deployment, Platform, RegistrationLink
from gradus.outgoing import Unreachable
from gradus.refusal import Refused

LASTS = timedelta(days=1)
TOKEN_CHARS = 8000
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
ENDPOINTS = {
    "auth_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "keys_url": "jwks_uri",
}


@dataclass(frozen=True)
class Offer:
    """What a platform's openid configuration says. `values` are those of the form of a platform."""

    register_at: str
    values: dict[str, str]


def make(*, by: User) -> str:
    """Returns the secret of a new link."""
    services.refuse_unless_operator(by)
    RegistrationLink.objects.filter(platform=None, expires_at__lt=timezone.now()).delete()
    secret = secrets.token_urlsafe(32)
    RegistrationLink.objects.create(secret=digest_of(secret), created_by=by, expires_at=timezone.now() + LASTS)
    return secret


def over() -> Refused:
    return Refused("registration_over", _("This link for a registration was used already, or is too old."), 410)


def link_of(secret: str) -> RegistrationLink:
    """Returns a link that can still be used.

    Raises:
        Refused: 410, there is none, it is over, or who made it runs the site no more.
    """
    found = RegistrationLink.objects.filter(secret=digest_of(secret), used_at=None, expires_at__gt=timezone.now())
    link = found.select_related("created_by").first()
    if link is None or link.created_by is None or not (link.created_by.is_staff and link.created_by.is_active):
        raise over()
    return link


def host_of(configuration: str) -> str:
    """Returns the host of an address of an openid configuration. Raises `Refused` (422) if it is none."""
    if len(configuration) > 4 * URL_CHARS or outgoing.problem_of(configuration):
        raise _unusable(_("The platform does not say where its openid configuration is, at an address of https."))
    return urlsplit(configuration).hostname or ""


def register(secret: str, configuration: str, token: str, site: str) -> Platform:
    """Reads the platform's configuration, registers this site there, and keeps the platform, which waits for approval.

    Args:
        site: The address of this site, without a path.

    Raises:
        Refused: 410, the link is over; 422, the platform's answers cannot be right, it does not answer, or it is
            registered already.
    """
    link = link_of(secret)
    used = RegistrationLink.objects.filter(pk=link.pk, used_at=None)
    if not used.update(used_at=timezone.now()):
        raise over()
    try:
        return _register(link, configuration, token, site)
    except Exception:
        # Nothing is registered here, so that the operator may try again.
        RegistrationLink.objects.filter(pk=link.pk, platform=None).update(used_at=None)
        raise


def _register(link: RegistrationLink, configuration: str, token: str, site: str) -> Platform:
    offer = offer_of(configuration)
    _check(_platform(offer, "-", link))
    if token and not (token.isascii() and token.isprintable() and len(token) <= TOKEN_CHARS):
        raise _unusable(_("The platform's key for the registration is not one."))
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    keys.ensure()
    try:
        content = json.dumps(tool(site)).encode()
        given = outgoing.send("POST", offer.register_at, headers=headers, content=content).json()
    except Unreachable as error:
        raise _unusable(_("The platform does not register this site: %(why)s") % {"why": error}) from None
    client_id = text_of(given, "client_id") if isinstance(given, dict) else ""
    if not client_id:
        raise _unusable(_("The platform does not register this site: it gives it no client id."))
    platform = _platform(offer, client_id, link)
    _check(platform)
    configured = given.get(TOOL)
    deployment = text_of(configured, "deployment_id") if isinstance(configured, dict) else ""
    with transaction.atomic():
        platform.save()
        if deployment:
            Deployment.objects.create(platform=platform, deployment_id=deployment)
        RegistrationLink.objects.filter(pk=link.pk).update(platform=platform)
        services.note_registered(platform, by_link=True)
    keys.fetch(platform)
    return platform


def offer_of(configuration: str) -> Offer:
    """Reads an openid configuration. Raises `Refused` (422) as `register` does."""
    host = host_of(configuration)
    try:
        found = outgoing.send("GET", configuration).json()
    except Unreachable as error:
        raise _unusable(_("The platform's openid configuration cannot be read: %(why)s") % {"why": error}) from None
    if not isinstance(found, dict):
        raise _unusable(_("The platform's openid configuration is not a JSON object."))
    values = {name: text_of(found, key, URL_CHARS) for name, key in ENDPOINTS.items()}
    issuer, register_at = text_of(found, "issuer"), text_of(found, "registration_endpoint", URL_CHARS)
    if outgoing.problem_of(issuer) or urlsplit(issuer).hostname != host:
        said = _("The issuer in the openid configuration is not of the configuration's host, %(host)s.")
        raise _unusable(said % {"host": host})
    if outgoing.problem_of(register_at) or urlsplit(register_at).hostname != host:
        said = _("The address for the registration is not of the configuration's host, %(host)s.")
        raise _unusable(said % {"host": host})
    return Offer(register_at, {"title": host[:TITLE_CHARS], "issuer": issuer, "hosts": "", **values})


def tool(site: str) -> dict[str, Any]:
    """Returns what this site says of itself in a registration."""
    pick = f"{site}{reverse('lti:pick')}"
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": f"{site}{reverse('lti:login')}",
        "redirect_uris": [f"{site}{reverse('lti:launch')}"],
        "client_name": "Gradus",
        "jwks_uri": f"{site}{reverse('lti:keys')}",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": f"{sending.SCOPES} {rosters.SCOPE}",
        TOOL: {
            "domain": urlsplit(site).netloc,
            "target_link_uri": f"{site}/",
            "description": _("Graded challenges about large language models"),
            "custom_parameters": {},
            "claims": ["iss", "sub", "name", "given_name", "family_name"],
            "messages": [
                {"type": "LtiResourceLinkRequest", "target_link_uri": f"{site}/"},
                {"type": PICK, "target_link_uri": pick, "label": _("Choose pages of Gradus")},
            ],
        },
    }


def _platform(offer: Offer, client_id: str, link: RegistrationLink) -> Platform:
    return Platform(client_id=client_id, is_open=False, created_by=link.created_by, **offer.values)


def _check(platform: Platform) -> None:
    try:
        services.check(platform)
    except Refused as refused:
        said = _("The platform's openid configuration cannot be used (%(field)s): %(why)s")
        field = refused.problems[0]["field"] if refused.problems else "-"
        raise _unusable(said % {"field": field, "why": refused.message}) from None


def _unusable(said: str) -> Refused:
    return Refused("registration_refused", said, 422)
