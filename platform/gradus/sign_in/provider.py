"""The provider of OpenID Connect that allauth finds in this module, in place of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.account.models import EmailAddress
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from challenges.characters import is_broken
from gradus.accounts.addresses import is_address
from gradus.sign_in.connection import Connection, configured, nonce_of
from gradus.sign_in.refusals import Refusal

NAMES = {"first_name": "given_name", "last_name": "family_name"}
NAME_CHARS = 150


class Provider(OpenIDConnectProvider):  # type: ignore[misc]  # allauth has no types
    oauth2_adapter_class = Connection
    supports_token_authentication = False

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Leaves out what allauth would take from the address: scopes, and any parameter of the request."""
        given = super().get_redirect_from_request_kwargs(request)
        process = "connect" if given["process"] == "connect" else "login"
        return {"process": process, "next_url": given.get("next_url"), "silent": request.GET.get("prompt") == "none"}

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **named: Any
    ) -> HttpResponse:
        """Sends the browser to the provider, by a page of its own.

        A redirect would end a form, which the site's security policy allows on this site only.
        """
        connection, ours = self.get_oauth2_adapter(request), configured(self.app.provider_id)
        try:
            address = str(connection.authorize_url)
        except Refusal as refusal:
            failed: HttpResponse = render_authentication_error(
                request, self, exception=refusal, extra_context={"state": {"process": process, "next": next_url}}
            )
            return failed
        proof = generate_code_challenge()
        verifier = proof.pop("code_verifier")
        asked = {
            "client_id": ours.client_id,
            "redirect_uri": connection.get_callback_url(request, self.app),
            "response_type": "code",
            "scope": " ".join(ours.scopes),
            "state": self.stash_redirect_state(request, process, next_url, data, pkce_code_verifier=verifier),
            "nonce": nonce_of(verifier),
            **proof,
            **({"prompt": "none"} if named.get("silent") else {}),
        }
        there = f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"
        return render(request, "sign_in/going.html", {"provider": self, "there": there})

    def serialize(self) -> dict[str, Any]:
        """Two providers may have given this site the same client id, so that only our id tells them apart."""
        return {"id": self.app.provider_id, "app.client_id": self.app.client_id}

    def extract_uid(self, data: dict[str, Any]) -> str:
        return str(data["sub"])

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        names = {field: _name(data.get(claim)) for field, claim in NAMES.items()}
        return {"email": _email(data), "name": _name(data.get("name")), **names}

    def extract_email_addresses(self, data: dict[str, Any]) -> list[EmailAddress]:
        email, ours = _email(data), configured(self.app.provider_id)
        confirmed = ours.has_confirmed(email, data.get("email_verified"))
        return [EmailAddress(email=email, verified=confirmed, primary=True)] if email else []

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Returns all that is stored of the claims."""
        return {"email": _email(data), "places": configured(self.app.provider_id).places(data)}


def _email(data: dict[str, Any]) -> str:
    email = data.get("email")
    return email.lower() if isinstance(email, str) and is_address(email) else ""


def _name(value: Any) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return "" if is_broken(text) else text[:NAME_CHARS]


provider_classes = [Provider]
