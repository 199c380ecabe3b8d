"""The page of a one-time link, on which a platform's administrator registers this site at the platform."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from gradus.lti import browsers, registering
from gradus.refusal import Refused


# Platforms open it in a frame, where no cookie comes. Its address is a secret, so no other page can send its form.
@csrf_exempt
@browsers.in_any_frame
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest, secret: str) -> HttpResponse:
    """Asks whether to register with the platform. A POST does it, and has the platform close the page."""
    configuration = request.GET.get("openid_configuration", "")
    try:
        registering.link_of(secret)
        page: dict[str, Any] = {"host": registering.host_of(configuration)}
        if request.method == "POST":
            site = f"{request.scheme}://{request.get_host()}"
            token = request.GET.get("registration_token", "")
            parts = urlsplit(configuration)
            platform = registering.register(secret, configuration, token, site)
            page |= {"platform": platform, "origin": f"{parts.scheme}://{parts.netloc}"}
    except Refused as refused:
        return browsers.refusal(request, refused)
    return render(request, "lti/register.html", page)
