"""Reads what a platform sends: the request with which a log-in begins, and the signed message of a launch.

A log-in needs no row: `state` is signed by this site, and holds the platform, the nonce and a digest of the browser's
cookie. Only a message that the platform has signed is stored.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard
from urllib.parse import urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.characters import is_broken
from gradus import id_tokens
from gradus.accounts.models import digest_of
from gradus.classes.models import NAME_CHARS
from gradus.lti import keys
from gradus.lti.models import ID_CHARS, URL_CHARS, Platform
from gradus.refusal import Refused

SALT = "gradus.lti.state"
STATE_SECONDS = 600
# How old a message may be.
AGE_SECONDS = 3600
TOKEN_CHARS = 48_000
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
LAUNCH, PICK = "LtiResourceLinkRequest", "LtiDeepLinkingRequest"
ROSTER = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
PICK_SETTINGS = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
SCORE_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
ROLE = "http://purl.imsglobal.org/vocab/lis/v2/membership"
# Open edX calls the instructors of a course its administrators, and their assistants its instructors.
TEACHES = {f"{ROLE}#Instructor", "Instructor", f"{ROLE}#Administrator"}
ASSISTS = {f"{ROLE}/Instructor#TeachingAssistant", f"{ROLE}/Instructor#TeachingAssistantSection"}
IS_ROLE_OF_CONTEXT = re.compile(r"(http://purl\.imsglobal\.org/vocab/lis/v2/membership[#/][\w#/]+|[A-Za-z]+)")

NOBODY = gettext_lazy("The platform does not say who the person is. It may hide people from this site.")
# Which field of a message is wrong, and why, by the error of PyJWT.
INVALID: dict[type[jwt.PyJWTError], tuple[str, Any]] = {
    jwt.InvalidSignatureError: (
        "signature",
        gettext_lazy("The platform has not signed the message: it was changed, or is from somebody else."),
    ),
    jwt.ExpiredSignatureError: (
        "exp",
        gettext_lazy("The message has expired. The clocks of the platform and of this site may differ."),
    ),
    jwt.ImmatureSignatureError: (
        "iat",
        gettext_lazy("The message is from the future. The clocks of the platform and of this site differ."),
    ),
    jwt.InvalidAudienceError: ("aud", gettext_lazy("The message is for another client.")),
    id_tokens.WrongParty: ("azp", gettext_lazy("The message is for another client.")),
    jwt.InvalidIssuerError: ("iss", gettext_lazy("The message is from another issuer.")),
    jwt.InvalidAlgorithmError: ("alg", gettext_lazy("The message is not signed with RS256.")),
}
UNREADABLE = ("id_token", gettext_lazy("The message cannot be read."))


@dataclass(frozen=True)
class State:
    """The content of `state`: what this site needs to know when the platform answers a log-in."""

    platform: int
    nonce: str
    browser: str


@dataclass(frozen=True)
class Message:
    """A launch as it is stored until the browser comes for it. Texts are the platform's, and nothing but texts.

    `asks` is of a request for deep linking alone: the platform's settings, and once stored those of `deep_linking`.
    """

    sub: str
    deployment: str
    context: str
    context_title: str
    resource: str
    target: str
    learner_data: str
    given_name: str = ""
    family_name: str = ""
    line_item: str = ""
    roster: str = ""
    asks: dict[str, Any] | None = None

    def stored(self) -> dict[str, Any]:
        return asdict(self)


def text_of(values: Mapping[str, Any], name: str, most: int = ID_CHARS) -> str:
    """Returns a field's text, or "" if it is missing, too long, or contains control characters."""
    value = values.get(name)
    return value.strip() if is_complete_text(value) and len(value) <= most else ""


def is_complete_text(value: object) -> TypeGuard[str]:
    """Returns True if it is a text without control characters."""
    return isinstance(value, str) and not is_broken(value)


def found_platform(given: Mapping[str, Any]) -> Platform:
    """Returns the registration that a log-in names by issuer and, where there are several, by client id.

    Raises:
        Refused: 404, no registration or more than one matches; 403, nobody may come from the platform.
    """
    issuer, client_id = text_of(given, "iss"), text_of(given, "client_id")
    found = Platform.objects.filter(issuer=issuer)
    if client_id:
        found = found.filter(client_id=client_id)
    # A registration that is switched off, or that nobody has approved, takes nothing from one that works.
    listed = (list(found.filter(is_open=True)[:2]) or list(found[:2])) if issuer else []
    if len(listed) != 1:
        said = _("No platform is registered here with this issuer and this client id.")
        if listed:
            said = _("Several registrations have this issuer, and the platform does not say which one it means.")
        raise Refused("platform_unknown", said, 404)
    if not listed[0].is_open:
        raise closed(listed[0])
    return listed[0]


def closed(platform: Platform | None) -> Refused:
    """Returns the refusal for people who come from a platform that is not open. None is one that was deleted."""
    if platform is not None and platform.waits:
        said = _("An operator of this site has not approved this platform yet.")
    else:
        said = _("An operator of this site has switched this platform off.")
    return Refused("platform_closed", said, 403)


def begin(given: Mapping[str, Any], browser: str, redirect_uri: str) -> str:
    """Returns the address of the platform to which the browser is sent for the signed message.

    Raises:
        Refused: the request is incomplete, or comes from no known platform.
    """
    platform = found_platform(given)
    hint = text_of(given, "login_hint", 4000)
    if not hint:
        raise Refused("login_incomplete", _("The platform's request has no login_hint."), 400)
    nonce = secrets.token_urlsafe(24)
    state = signing.dumps(asdict(State(platform.pk, digest_of(nonce), digest_of(browser))), salt=SALT)
    asked = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.client_id,
        "redirect_uri": redirect_uri,
        "login_hint": hint,
        "state": state,
        "nonce": nonce,
    }
    if message_hint := text_of(given, "lti_message_hint", 4000):
        asked["lti_message_hint"] = message_hint
    joint = "&" if urlsplit(platform.auth_url).query else "?"
    return f"{platform.auth_url}{joint}{urlencode(asked)}"


def state_of(text: str) -> State:
    """Returns what this site has written into `state`.

    Raises:
        Refused: 400, it is not from this site, or more than ten minutes old.
    """
    try:
        return State(**signing.loads(text, salt=SALT, max_age=STATE_SECONDS))
    except signing.SignatureExpired:
        said = _("This launch began more than ten minutes ago.")
        raise Refused("launch_old", said, 400) from None
    except (signing.BadSignature, TypeError, ValueError):
        said = _("This launch did not begin at this site.")
        raise Refused("launch_foreign", said, 400) from None


def read(platform: Platform, state: State, token: str) -> Message:
    """Returns the message in an `id_token` that the platform has signed for this launch.

    Raises:
        Refused: 400, something is wrong with it; 503, the platform's keys cannot be fetched now.
    """
    claims = _claims(platform, token)
    if digest_of(str(claims.get("nonce"))) != state.nonce:
        raise _wrong("nonce", _("The message belongs to another launch."))
    if claims.get(f"{CLAIM}version") != "1.3.0":
        raise _wrong("version", _("The message is not of LTI 1.3.0."))
    kind = claims.get(f"{CLAIM}message_type")
    if kind not in (LAUNCH, PICK):
        raise _wrong("message_type", _("This site takes only launches of resource links, and requests for links."))
    roles = claims.get(f"{CLAIM}roles")
    if not isinstance(roles, list) or not all(isinstance(one, str) for one in roles):
        raise _wrong("roles", _("The message does not say which roles the person has."))
    context, resource = (_part(claims, name) for name in ("context", "resource_link"))
    custom = _part(claims, "custom")
    message = Message(
        sub=text_of(claims, "sub"),
        deployment=text_of(claims, f"{CLAIM}deployment_id"),
        context=text_of(context, "id"),
        context_title=text_of(context, "title") or text_of(context, "label"),
        resource=text_of(resource, "id"),
        target=text_of(custom, "gradus_path", URL_CHARS) or text_of(claims, f"{CLAIM}target_link_uri", URL_CHARS),
        learner_data=level_of(roles),
        given_name=text_of(claims, "given_name", NAME_CHARS),
        family_name=text_of(claims, "family_name", NAME_CHARS) or text_of(claims, "name", NAME_CHARS),
        line_item=line_item_of(claims.get(ENDPOINT)),
        roster=roster_of(claims.get(ROSTER)),
        asks=_asked(claims) if kind == PICK else None,
    )
    if not message.sub:
        raise _wrong("sub", str(NOBODY))
    if not message.deployment:
        raise _wrong("deployment_id", _("The message names no deployment."))
    if not message.resource and kind == LAUNCH:
        raise _wrong("resource_link", _("The message names no resource link."))
    if not message.context:
        raise _wrong("context", _("The launch does not come from a course of the platform."))
    return message


def level_of(roles: list[str]) -> str:
    """Returns the level in the class: who teaches there decides here, and an assistant sees what learners do.

    Roles in the institution or at the platform say nothing about a course.
    """
    own = {one for one in roles if IS_ROLE_OF_CONTEXT.fullmatch(one)}
    if own & ASSISTS:
        # Canvas and Moodle name an assistant an instructor, too.
        return "viewer"
    return "editor" if own & TEACHES else "none"


def roster_of(service: Any) -> str:
    """Returns the address of the roster of the platform's course, if the platform offers it in version 2."""
    versions = service.get("service_versions") if isinstance(service, dict) else None
    if not isinstance(versions, list) or "2.0" not in versions:
        return ""
    return text_of(service, "context_memberships_url", URL_CHARS)


def _asked(claims: Mapping[str, Any]) -> dict[str, Any]:
    value = claims.get(PICK_SETTINGS)
    if not isinstance(value, dict):
        raise _wrong("deep_linking_settings", _("The message does not say which links the platform takes."))
    return value


def line_item_of(endpoint: Any) -> str:
    """Returns the address of the link's column in the platform's gradebook, if this site may send grades there."""
    scopes = endpoint.get("scope") if isinstance(endpoint, dict) else None
    if not isinstance(scopes, list) or SCORE_SCOPE not in scopes:
        return ""
    return text_of(endpoint, "lineitem", URL_CHARS)


def _claims(platform: Platform, token: str) -> dict[str, Any]:
    if not token or len(token) > TOKEN_CHARS:
        raise _wrong("id_token", _("The message is missing, or too large."))
    try:
        claims = id_tokens.claims_of(
            token, lambda header: _key(platform, header),
            algorithms=keys.ALGORITHMS, issuer=platform.issuer, client_id=platform.client_id,
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise _invalid(error) from None
    # Whole numbers, because one with 400 digits is too large for a float.
    begins, ends = int(claims["iat"]), int(claims["exp"])
    if ends - begins > 24 * AGE_SECONDS or int(time.time()) - begins > AGE_SECONDS:
        raise _wrong("iat", _("The message is more than an hour old."))
    return claims


def _key(platform: Platform, header: dict[str, Any]) -> RSAPublicKey:
    if not header.get("kid"):
        raise _wrong("kid", _("The message does not say which key has signed it."))
    key = keys.key_of(platform, header["kid"])
    if key is None:
        raise _wrong("kid", _("It is signed with a key that the platform does not publish."))
    return key


def _part(claims: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = claims.get(CLAIM + name)
    return value if isinstance(value, dict) else {}


def _wrong(field: str, said: str) -> Refused:
    return Refused("launch_refused", said, 400, [{"code": "invalid", "field": field, "message": said}])


def _invalid(error: jwt.PyJWTError) -> Refused:
    if isinstance(error, jwt.MissingRequiredClaimError):
        lacks = NOBODY if error.claim == "sub" else _("The message lacks %(field)s.") % {"field": error.claim}
        return _wrong(error.claim, str(lacks))
    field, reason = INVALID.get(type(error), UNREADABLE)
    return _wrong(field, str(reason))
