"""allauth's forms for accounts, extended by what Gradus does in addition.

They revoke API tokens, lock sign-ups, and give an account that lost its address another one.
"""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.account.utils import passthrough_next_redirect_url
from allauth.core import context
from django import forms
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gradus.accounts import addresses, tokens
from gradus.accounts.allauth_adapter import can_send_mails
from gradus.accounts.guests import SignedUp
from gradus.accounts.models import User


class RevokeTokensForm(forms.Form):
    """Adds a checkbox to a form for a new password: revoke the account's API tokens. It is left out without tokens."""

    user: User | None
    revoke_tokens = forms.BooleanField(required=False, label=gettext_lazy("Also revoke my API tokens"))

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        live = self.user.api_tokens.live().count() if self.user else 0
        if live:
            self.fields["revoke_tokens"].help_text = _help(live)
        else:
            del self.fields["revoke_tokens"]

    @transaction.atomic
    def save(self) -> None:
        super().save()  # type: ignore[misc]
        if self.user and self.cleaned_data.get("revoke_tokens"):
            tokens.revoke_all(self.user)
            messages.success(context.request, _("Your API tokens no longer work."))


def _help(live: int) -> str:
    said = ngettext(
        "%(count)d of them works now. Revoke it if somebody else may have had your password or used your computer. "
        "Every program that uses a token will then need a new one.",
        "%(count)d of them work now. Revoke them if somebody else may have had your password or used your computer. "
        "Every program that uses a token will then need a new one.",
        live,
    )
    return said % {"count": live}


class ChangePasswordForm(RevokeTokensForm, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordKeyForm(RevokeTokensForm, allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """Checks the box in advance: a person who resets a password may have lost it to somebody else."""

    revoke_tokens = forms.BooleanField(required=False, initial=True, label=gettext_lazy("Also revoke my API tokens"))


class AddEmailForm(allauth_forms.AddEmailForm):  # type: ignore[misc]
    def save(self, request: HttpRequest) -> EmailAddress:
        address: EmailAddress = super().save(request)
        addresses.replace_lost(self.user, address)
        return address


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """Signs a person up in one transaction. Of several requests at the same time, only the first makes an account."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Returns the new account, or None and the response that says why there is no new account."""
        email = self.cleaned_data["email"]
        try:
            with transaction.atomic():
                lock_email(email)
                self.validate_unique_email(email)
                made: tuple[User | None, HttpResponse | None] = super().try_save(request)
                return made
        except ValidationError as error:
            said = error.messages[0]
        except SignedUp:
            said = _("You have just signed up with another address. Sign in with that address and its password.")
        return None, _to_log_in(request, said)

    def validate_unique_email(self, value: str) -> str:
        """Refuses an address that an account has. Its owner, who need not be who has signed up, reads how to go on."""
        try:
            return str(super().validate_unique_email(value))
        except ValidationError:
            said = _("This address is already registered. Sign in with its password.")
            if can_send_mails():
                said = _(
                    "This address is already registered. Sign in with its password. If the address is yours and you "
                    "do not know the password, set a new one by mail with the sign-in page's link."
                )
            raise ValidationError(said) from None


def lock_email(email: str) -> None:
    """Waits until no other transaction signs up with this address. SQLite allows only one writer in any case."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [email])


def _to_log_in(request: HttpRequest, said: str) -> HttpResponse:
    """Redirects to the log-in page, which sends a browser that is logged in already on to the page it asked for."""
    get_adapter(request).add_message(request, messages.WARNING, message=said)
    return redirect(passthrough_next_redirect_url(request, reverse("account_login"), REDIRECT_FIELD_NAME))
