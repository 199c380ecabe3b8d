"""The admin has no log-in form and no password form of its own: both would go around second factor and rate limits."""

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def through_the_site(site: AdminSite) -> None:
    """Sends staff who sign in, or change their password, from the admin to the site's own pages.

    Call it before `site.urls` is read. Django's log-in view must not stay behind allauth's decorator: to somebody who
    is signed in as staff already, it would go on checking passwords of other accounts.
    """
    site.login = secure_admin_login(_to_index)  # type: ignore[method-assign]
    site.password_change = _to_password_page  # type: ignore[method-assign,assignment]


def _to_index(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    return redirect("admin:index")


def _to_password_page(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    return redirect("account_change_password")
