"""allauth's forms, with what Gradus does beside."""

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.account.utils import passthrough_next_redirect_url
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from gradus.accounts.guests import SignedUp
from gradus.accounts.models import User


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """Sign-up in one transaction. Of requests that come at once, only the first makes an account."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """The new account, or the answer to somebody who gets none."""
        email = self.cleaned_data["email"]
        try:
            with transaction.atomic():
                one_at_a_time(email)
                self.validate_unique_email(email)
                made: tuple[User | None, HttpResponse | None] = super().try_save(request)
                return made
        except ValidationError:
            said = "This address is already registered. Sign in with its password."
        except SignedUp:
            said = "You have just signed up with another address. Sign in with that address and its password."
        return None, _to_log_in(request, said)


def one_at_a_time(email: str) -> None:
    """Waits until no other transaction signs up with this address. On SQLite no other one writes at all."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [email])


def _to_log_in(request: HttpRequest, said: str) -> HttpResponse:
    """A browser that the first answer has signed in is led on from there to where it wanted to go."""
    get_adapter(request).add_message(request, messages.WARNING, message=said)
    return redirect(passthrough_next_redirect_url(request, reverse("account_login"), REDIRECT_FIELD_NAME))
