"""The site's URLs, and log-in views that somebody has added without a second factor or a limit."""

from base64 import b64decode

from django.contrib.admin import AdminSite
from django.contrib.auth import authenticate, views
from django.http import HttpRequest, HttpResponse
from django.urls import path

from gradus.urls import urlpatterns as ours


def by_basic(request: HttpRequest) -> HttpResponse:
    """Believes a Basic header, for this request only."""
    _, _, given = request.headers.get("Authorization", "").partition(" ")
    name, _, password = b64decode(given).decode(errors="replace").partition(":")
    found = authenticate(request, username=name, password=password)
    if found is not None:
        request.user = found
    return HttpResponse("Hello.")


DOORS = {"plain-login/", "basic/", "old-admin/login/"}
urlpatterns = [
    path("plain-login/", views.LoginView.as_view(template_name="429.html")),
    path("basic/", by_basic),
    path("old-admin/login/", AdminSite(name="old").login),
    *ours,
]
