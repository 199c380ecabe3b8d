"""How allauth talks to a provider: with a checked ID token, and with requests that end soon."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from allauth.socialaccount.models import SocialToken
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest

from gradus.sign_in import asking, tokens
from gradus.sign_in.configuration import Provider
from gradus.sign_in.refusals import Refusal


def configured(provider_id: str) -> Provider:
    """Returns the provider with this id in GRADUS_OIDC. Raises `Http404` if there is none."""
    for provider in settings.SIGN_IN_PROVIDERS:
        if provider.id == provider_id:
            return provider
    raise Http404


class Connection(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """One log-in with one provider. In `verifier` stands the secret of this browser's session, once there is a code."""

    verifier = ""

    @property
    def ours(self) -> Provider:
        return configured(self.provider_id)

    @property
    def openid_config(self) -> dict[str, Any]:
        return asking.configuration(self.ours)

    def get_access_token_data(
        self, request: HttpRequest, app: object, client: object, pkce_code_verifier: str | None = None
    ) -> dict[str, Any]:
        """Exchanges the code for tokens. Raises `Refusal`."""
        ours, config = self.ours, self.openid_config
        self._refuse_other_issuer(request, config)
        self.verifier = pkce_code_verifier or ""
        form = {
            "grant_type": "authorization_code",
            "code": request.GET["code"],
            "redirect_uri": self.get_callback_url(request, app),
            "code_verifier": self.verifier,
        }
        secret = ours.client_secret.get_secret_value()
        auth = None
        # What a provider can do that does not say it (OpenID Connect Discovery, 3).
        if "client_secret_basic" in config.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
            auth = (quote(ours.client_id, safe=""), quote(secret, safe=""))
        else:
            form |= {"client_id": ours.client_id, "client_secret": secret}
        reply = asking.ask(ours, "POST", str(config["token_endpoint"]), form=form, auth=auth).object()
        if not isinstance(reply.get("access_token"), str):
            raise Refusal("answer", "it sent no access token")
        return reply

    def _refuse_other_issuer(self, request: HttpRequest, config: dict[str, Any]) -> None:
        """The answer names the provider that it comes from (RFC 9207), so that two cannot be exchanged."""
        said = request.GET.get("iss")
        must = config.get("authorization_response_iss_parameter_supported") is True
        if (said is None and must) or (said is not None and said != self.ours.issuer):
            raise Refusal("mixed", "the answer comes from another provider than the one that was asked")

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        return SocialToken(token=data["access_token"])

    def complete_login(self, request: HttpRequest, app: object, token: SocialToken, **named: Any) -> Any:
        """Returns allauth's log-in of the person whom the ID token names. Raises `Refusal`."""
        ours, config = self.ours, self.openid_config
        claims = tokens.claims_of(ours, named["response"].get("id_token"), self.verifier)
        if address := config.get("userinfo_endpoint"):
            headers = {"Authorization": f"Bearer {token.token}"}
            person = asking.ask(ours, "GET", str(address), headers=headers).object()
            if person.get("sub") != claims["sub"]:
                raise Refusal("token", "its user information is about somebody else")
            claims = person | claims
        return self.get_provider().sociallogin_from_response(request, claims)
