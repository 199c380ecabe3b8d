"""The adapter that allauth asks: who may sign up, which row becomes the account, when a log-in is refused."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from gradus.accounts import guests, known_devices
from gradus.accounts import rate_limits as limits
from gradus.accounts.allauth_internals import LoginAttemptLimits
from gradus.accounts.models import User

NO_MAIL_SERVER = ("django.core.mail.backends.console.EmailBackend", "django.core.mail.backends.dummy.EmailBackend")
CONFIRMATION_SENT = "account/messages/email_confirmation_sent.txt"


def can_send_mails() -> bool:
    """Returns True if the site has a mail server; the default settings only print mails to the log."""
    return settings.EMAIL_BACKEND not in NO_MAIL_SERVER


def context(request: HttpRequest) -> dict[str, bool]:
    """A context processor, so that a page promises a mail only where the site can send one."""
    return {"can_send_mails": can_send_mails()}


def shown_name(user: User) -> str:
    """Returns the name with which allauth greets a person: the one that the header shows."""
    return user.pseudonym


class TooManyAttempts(ValidationError):
    """Too many wrong passwords were entered. `seconds` says how long the person has to wait."""

    def __init__(self, seconds: int) -> None:
        said = _("Too many wrong passwords were entered. Try again in %(wait)s.")
        if can_send_mails():
            said = _("Too many wrong passwords were entered. Try again in %(wait)s, or reset your password.")
        super().__init__(said % {"wait": limits.in_words(seconds)})
        self.seconds = seconds


class AccountAdapter(LoginAttemptLimits):
    """Sign-up turns the session's guest into an account. Wrong passwords lock an account for one address first."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Counts a sign-up of any kind. Raises `ImmediateHttpResponse` with status 429 if there were too many."""
        limits.allow(request, "new_account")
        return True

    def clean_email(self, email: str) -> str:
        """Refuses an email address that is longer than its column: allauth would cut it, PostgreSQL would fail."""
        most = User._meta.get_field("email").max_length or 0
        if len(email) > most:
            said = _("The address has %(count)d characters; %(most)d are allowed. Use a shorter one.")
            raise ValidationError(said % {"count": len(email), "most": most})
        return str(super().clean_email(email))

    def new_user(self, request: HttpRequest) -> User:
        """Returns the session's guest, or a new row. Raises `guests.SignedUp` if the guest already has an account."""
        return guests.claim(request) or User()

    def save_user(self, request: HttpRequest, user: User, form: object, commit: bool = True) -> User:
        saved: User = super().save_user(request, user, form, commit)
        guests.leave(request)
        return saved

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Also finds an account by the address that it lost to its owner, or that was merged into another one.

        Who comes to a merged account is told so and not signed in.
        """
        found = super().authenticate(request, **credentials)
        if found is not None or not (email := credentials.get("email")):
            return found
        former = Q(lost_email=email.lower()) | Q(email__iexact=email, merged_into__isnull=False)
        password = credentials.get("password") or ""
        return next((one for one in User.objects.filter(former) if one.check_password(password)), None)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponseBase:
        """Says where the work of an account went that was merged into another one."""
        kept = user
        while kept.merged_into is not None:
            kept = kept.merged_into
        if kept != user:
            return render(request, "account/account_merged.html", {"kept": kept}, status=403)
        closed: HttpResponseBase = super().respond_user_inactive(request, user)
        return closed

    def generate_unique_username(self, texts: list[str | None], regex: str | None = None) -> str:
        """Returns a random name, which nobody sees. A name made from the email could clash when two sign up at once."""
        return f"learner-{secrets.token_hex(8)}"

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """Where the site has no mail server, says so in place of allauth's words that it has sent a mail."""
        if message_template == CONFIRMATION_SENT and not can_send_mails():
            level, message_template = messages.WARNING, None
            message = _("This site cannot send mails, so your email address stays unconfirmed.")
        super().add_message(request, level, message_template, message_context, extra_tags, message)

    def too_many_attempts(self, seconds: int) -> Exception:
        return TooManyAttempts(seconds)

    def known_device(self, request: HttpRequest, name: str) -> str:
        return known_devices.device_of(request, name)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Remembers the browser, so that wrong passwords from elsewhere do not keep its person out."""
        response: HttpResponse = super().post_login(request, user, **kwargs)
        known_devices.remember(response, user)
        return response
