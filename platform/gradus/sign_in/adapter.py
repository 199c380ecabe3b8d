"""The adapter that allauth asks about accounts at providers: which there are, and whom a first log-in makes.

An account is never found by its address: whoever has one with the same address signs in to it first, and then adds the
provider under "Other ways to sign in". Whoever says that it is a stranger's gets a new account, if the provider has
confirmed the address and the stranger has not.
"""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.base import AuthError
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts import addresses, guests
from gradus.accounts.forms import lock_email
from gradus.accounts.models import User
from gradus.sign_in import claimed, refusals
from gradus.sign_in.configuration import RESERVED

COPIED = ("email", "first_name", "last_name")


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def list_apps(
        self, request: HttpRequest | None, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Returns the providers of GRADUS_OIDC, and none of the database."""
        apps = [
            SocialApp(provider=RESERVED, provider_id=one.id, name=one.name, client_id=one.client_id)
            for one in settings.SIGN_IN_PROVIDERS
        ]
        if provider:
            apps = [app for app in apps if provider in (app.provider, app.provider_id)]
        return [app for app in apps if client_id in (None, app.client_id)]

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        """Also finds a provider that is no longer one of GRADUS_OIDC, so that a person can remove its account."""
        try:
            return super().get_app(request, provider, client_id)
        except SocialApp.DoesNotExist:
            if not SocialAccount.objects.filter(provider=provider, user=getattr(request.user, "pk", None)).exists():
                raise
            return SocialApp(provider=RESERVED, provider_id=provider, name=provider)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Counts nothing: the provider decides who has an account, and a class may come through one address."""
        return True

    def new_user(self, request: HttpRequest, sociallogin: Any) -> User:
        """Returns a new row. Only `save_user` makes a visitor an account: most people have an account already."""
        return User()

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Ends a first log-in with an address that an account has. The provider's token is not needed any more."""
        sociallogin.token = None
        if not sociallogin.is_existing and sociallogin.state.get("process") != "connect":
            _refuse_taken(request, sociallogin, sociallogin.user.email)

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Asks a person whose address an account has, unconfirmed, whether it is theirs, before it gives way."""
        email = sociallogin.user.email
        is_held = bool(email) and addresses.holders(email).exists()
        return not is_held and bool(super().is_auto_signup_allowed(request, sociallogin))

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        """Makes an account of a first log-in. The session's visitor becomes it, with all that the visitor did."""
        account = sociallogin.account
        email = form.cleaned_data["email"] if form else sociallogin.user.email
        try:
            with transaction.atomic():
                lock_email(email)
                _refuse_taken(request, sociallogin, email)
                if SocialAccount.objects.filter(provider=account.provider, uid=account.uid).exists():
                    raise _ended(request, sociallogin.provider, "twice")
                if claimed.has_confirmed(sociallogin, email):
                    addresses.give_way(email)
                guest = guests.claim(request)
                if guest is not None:
                    for name in COPIED:
                        setattr(guest, name, getattr(sociallogin.user, name))
                    sociallogin.user = guest
                saved: User = super().save_user(request, sociallogin, form)
        except (guests.SignedUp, IntegrityError):
            raise _ended(request, sociallogin.provider, "twice") from None
        guests.leave(request)
        return saved

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, {**data, "username": None})
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Answers with a page that says what happened and what to do. The people who run the site see why."""
        state = (extra_context or {}).get("state") or {}
        said = request.GET.get("error", "")
        if isinstance(exception, refusals.Refusal):
            code, detail = exception.code, exception.detail
        elif exception is not None:
            code, detail = "error", type(exception).__name__
        elif not state:
            code, detail = "state", ""
        elif error == AuthError.CANCELLED:
            code, detail = "cancelled", ""
        elif said in refusals.NEEDS_A_PAGE:
            code, detail = "page", ""
        else:
            code, detail = "error", f"it says {said}" if said.isidentifier() else "it sent no code"
        if detail:
            refusals.remember(provider.app.provider_id, code, detail)
        raise _ended(request, provider, code, state)


def _ended(
    request: HttpRequest, provider: Any, code: str, state: dict[str, Any] | None = None
) -> ImmediateHttpResponse:
    title, text = refusals.words(code, provider.name)
    begun = {"process": "login"} | {name: one for name, one in (state or {}).items() if name in ("process", "next")}
    context = {"provider": provider, "title": title, "text": text, "code": code}
    context["again"] = provider.get_login_url(request, **{name: one for name, one in begun.items() if one})
    status = 503 if code == "away" else 403
    answer: HttpResponse = render(request, "sign_in/ended.html", context, status=status)
    if code == "away":
        answer["Retry-After"] = "60"
    return ImmediateHttpResponse(answer)


def _refuse_taken(request: HttpRequest, sociallogin: Any, email: str) -> None:
    if email and claimed.is_taken(sociallogin, email):
        context = {"provider": sociallogin.provider, "email": email}
        raise ImmediateHttpResponse(render(request, "sign_in/taken.html", context, status=409))
