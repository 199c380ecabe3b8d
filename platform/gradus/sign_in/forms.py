"""The form of a first log-in with a provider, where allauth must ask: for an address, or about one that is held."""

from __future__ import annotations

from allauth.socialaccount import forms as allauth_forms

from gradus.sign_in import claimed


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]  # allauth has no types
    @property
    def confirmed_email(self) -> str:
        """The address that the provider has confirmed, and that an account of this site has not; empty without one."""
        email = str(self.sociallogin.user.email)
        return email if claimed.has_confirmed(self.sociallogin, email) else ""

    def validate_unique_email(self, value: str) -> str:
        """Lets the owner of an address have it that an account has and has not confirmed: that account gives way."""
        if claimed.has_confirmed(self.sociallogin, value) and not claimed.is_taken(self.sociallogin, value):
            self.account_already_exists = False
            return value
        return str(super().validate_unique_email(value))
