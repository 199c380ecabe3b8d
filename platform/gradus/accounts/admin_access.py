"""Replaces the admin's forms for logging in and changing a password by the site's own pages.

The admin's own forms know neither the second factor nor the rate limits.
"""

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def use_site_login(site: AdminSite) -> None:
    """Sends staff who log in to the admin, or change their password there, to the site's own pages.

    Call this before `site.urls` is read. Django's log-in view must be replaced, not only decorated: to a person who is
    logged in as staff already, it would still check the passwords of other accounts.
    """
    site.login = secure_admin_login(_to_index)  # type: ignore[method-assign]
    site.password_change = _to_password_page  # type: ignore[method-assign,assignment]


def _to_index(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    return redirect("admin:index")


def _to_password_page(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    return redirect("account_change_password")
