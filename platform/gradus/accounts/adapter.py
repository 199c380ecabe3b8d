import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from gradus.accounts import guests
from gradus.accounts import rate_limits as limits
from gradus.accounts.models import User


class TooManyAttempts(ValidationError):
    """Too many wrong passwords; `seconds` says how long to wait."""

    def __init__(self, seconds: int) -> None:
        wait = limits.in_words(seconds)
        super().__init__(f"Too many failed login attempts. Try again in {wait}, or reset your password.")
        self.seconds = seconds


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up turns the session's guest into the account; wrong passwords lock an account for one address first."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """allauth asks this before every kind of sign-up, and answers with the 429 that `allow` raises."""
        limits.allow(request, "new_account")
        return True

    def clean_email(self, email: str) -> str:
        """allauth would cut it to the column's length, and PostgreSQL refuses one that nobody has cut."""
        most = User._meta.get_field("email").max_length or 0
        if len(email) > most:
            raise ValidationError(f"The address has {len(email)} characters; {most} are allowed. Use a shorter one.")
        return str(super().clean_email(email))

    def new_user(self, request: HttpRequest) -> User:
        """The session's guest, or a new row. Raises `guests.SignedUp` where the guest has an account by now."""
        return guests.claim(request) or User()

    def save_user(self, request: HttpRequest, user: User, form: object, commit: bool = True) -> User:
        saved: User = super().save_user(request, user, form, commit)
        request.session.pop(guests.SESSION_KEY, None)
        return saved

    def generate_unique_username(self, texts: list[str | None], regex: str | None = None) -> str:
        """Nobody sees or types it. One that is made of the email would clash when two people sign up at once."""
        return f"learner-{secrets.token_hex(8)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Counts an attempt; allauth gives it back where the password is right.

        An account is locked for one address long before it is locked for all. What an address may not try does not
        count against the account, so that a single address cannot keep the owner out.

        Raises:
            TooManyAttempts: the password is not looked at.
        """
        used = ratelimit.RateLimitUsage([])
        for action, key in self._attempts(request, **credentials).items():
            usage = ratelimit.consume(request, app=limits.APP, action=action, key=key)
            if usage is None:
                raise TooManyAttempts(limits.seconds_left(request, action, key))
            used.usage += usage.usage
        self._login_failed_rl_usage = used

    def _attempts(self, request: HttpRequest, **credentials: Any) -> dict[str, str]:
        """The key of each limit on wrong passwords, in the order in which they are asked."""
        account = self._get_login_attempts_cache_key(request, **credentials)
        return {"login_failed": f"{account} {ratelimit.get_ip(request)}", "login_failed_account": account}

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """allauth calls this after a password was reset by mail: its owner need not wait."""
        for action, key in self._attempts(request, **credentials).items():
            ratelimit.clear(request, app=limits.APP, action=action, key=key)
