"""How allauth talks to a provider: with a checked ID token, and with requests that end soon."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import quote

import jwt
from allauth.socialaccount.models import SocialToken
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest

from gradus import id_tokens
from gradus.sign_in import asking
from gradus.sign_in.configuration import Provider
from gradus.sign_in.refusals import Refusal

SUBJECT_CHARS = 191


def configured(provider_id: str) -> Provider:
    """Returns the provider with this id in GRADUS_OIDC. Raises `Http404` if there is none."""
    for provider in settings.SIGN_IN_PROVIDERS:
        if provider.id == provider_id:
            return provider
    raise Http404


def nonce_of(verifier: str) -> str:
    """Returns the nonce that belongs to a code verifier, which only this browser's session knows."""
    return hashlib.sha256(f"nonce {verifier}".encode()).hexdigest()


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
        claims = _claims_of(ours, named["response"].get("id_token"), self.verifier)
        if address := config.get("userinfo_endpoint"):
            headers = {"Authorization": f"Bearer {token.token}"}
            person = asking.ask(ours, "GET", str(address), headers=headers).object()
            if person.get("sub") != claims["sub"]:
                raise Refusal("token", "its user information is about somebody else")
            claims = person | claims
        return self.get_provider().sociallogin_from_response(request, claims)


def _claims_of(provider: Provider, token: Any, verifier: str) -> dict[str, Any]:
    """Returns the claims of an ID token. Raises `Refusal` unless it is this provider's for this site and log-in."""
    if not isinstance(token, str):
        raise Refusal("token", "it sent no ID token")
    try:
        claims = id_tokens.claims_of(
            token, lambda header: _key(provider, header),
            algorithms=id_tokens.ALGORITHMS, issuer=provider.issuer, client_id=provider.client_id,
        )  # fmt: skip
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
