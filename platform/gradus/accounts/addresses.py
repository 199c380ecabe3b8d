"""Checks email addresses, and finds the account that has confirmed one, which gets a role or a place in a class."""

from __future__ import annotations

import unicodedata

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from gradus.accounts.models import User
from gradus.refusal import refuse_broken, wrong

EMAIL_CHARS = 254


def is_address(text: str) -> bool:
    """Returns True if the text is an email address, in upper or lower case."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    # Lower case would turn some characters, such as the Kelvin sign, into other letters, which is another address.
    return unicodedata.is_normalized("NFKC", text) and len(text) <= EMAIL_CHARS


def address(text: str) -> str:
    """Returns an email address in lower case, as it is stored. Raises `Refused` (422) for any other text."""
    refuse_broken("email", text)
    text = text.strip()
    if not is_address(text):
        raise wrong("email", _("Write an email address, such as lena@example.org."), "bad_email")
    return text.lower()


def account_with(email: str) -> User | None:
    """Returns the account, other than a guest's, that has confirmed this address in lower case."""
    found = EmailAddress.objects.filter(email__iexact=email, verified=True, user__is_guest=False)
    address = found.select_related("user").first()
    return address.user if address else None


def has_confirmed(user: User, email: str) -> bool:
    """Returns True if this address in lower case is a confirmed one of the account."""
    confirmed = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    return email in {one.lower() for one in confirmed}
