"""The two pages of a sign-in with a provider: where it begins, and where the provider sends the browser back."""

from __future__ import annotations

from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_http_methods

from gradus.sign_in.connection import Connection, configured


@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Asks whether to go on, or goes on. A link from another site shows the question and does nothing."""
    configured(provider_id)
    view = OAuth2LoginView.adapter_view(Connection(request, provider_id))
    answer: HttpResponse = view(request)
    return answer


@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    configured(provider_id)
    view = OAuth2CallbackView.adapter_view(Connection(request, provider_id))
    answer: HttpResponse = view(request)
    return answer
