"""Why a sign-in with a provider did not work, in words for the person and for the people who run the site."""

from __future__ import annotations

from typing import Any

import structlog
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.sign_in.models import LastRefusal

log = structlog.get_logger(__name__)
DETAIL_CHARS = 200
# Errors with which a provider answers where it may show no page, but would have to (OpenID Connect Core, 3.1.2.6).
NEEDS_A_PAGE = ("login_required", "interaction_required", "consent_required", "account_selection_required")


class Refusal(OAuth2Error):  # type: ignore[misc]  # allauth has no types
    """A sign-in ends here. `detail` is for the people who run the site, and holds nothing secret."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail[:DETAIL_CHARS]


def words(code: str, name: str) -> tuple[str, str]:
    """Returns a heading and a text for the person, for a provider with this name."""
    title = _("The sign-in with %(name)s did not work") % {"name": name}
    texts = {
        "away": _("%(name)s does not answer at the moment. Wait a minute, and try again."),
        "state": _(
            "It was begun in another browser, more than ten minutes ago, or is over already. Nobody was signed in. "
            "Begin again."
        ),
        "cancelled": _("%(name)s says that you, or its rules, did not allow it. Nobody was signed in."),
        "page": _("You are not signed in at %(name)s yet, or it has a question for you. Go on there."),
        "twice": _("Your account was made a moment ago, in another window. Sign in again."),
    }
    other = _(
        "%(name)s and this site do not understand each other. Nobody was signed in, and nothing changed. Tell the "
        "people who run this site: they see the reason in their checks."
    )
    return title, texts.get(code, other) % {"name": name}


# What the people who run the site can do, by the code of a refusal.
ADVICE = {
    "away": gettext_lazy("Ask the people who run the provider whether it works, and whether this server can reach it."),
    "issuer": gettext_lazy("Write the issuer in GRADUS_OIDC exactly as the provider's openid-configuration spells it."),
    "address": gettext_lazy("Ask the people who run the provider to correct its openid-configuration."),
    "answer": gettext_lazy(
        "Compare client_id, client_secret and the redirect address with what the provider has registered."
    ),
    "token": gettext_lazy(
        "Compare client_id with the provider's. Where it is right, ask the people who run the provider."
    ),
    "keys": gettext_lazy("Ask the people who run the provider whether its jwks_uri lists the key that signs now."),
    "clock": gettext_lazy("Compare the clocks of this server and of the provider: both need a time service."),
    "mixed": gettext_lazy(
        "Somebody may have tried to exchange two providers. Ask the people who run the provider about its `iss`."
    ),
    "error": gettext_lazy("Ask the people who run the provider what this error means for the client of this site."),
}


def advice(code: str) -> str:
    """Returns what the people who run the site can do about a refusal with this code."""
    return str(ADVICE.get(code, ADVICE["error"]))


def remember(provider: str, code: str, detail: str) -> None:
    """Keeps the last refusal of each provider for the people who run the site, and writes it to the log."""
    log.warning("sign_in_refused", provider=provider, code=code, detail=detail)
    values: dict[str, Any] = {"at": timezone.now(), "code": code, "detail": detail[:DETAIL_CHARS]}
    LastRefusal.objects.update_or_create(provider=provider, defaults=values)
