"""Checks email addresses, finds the account that has confirmed one, and takes it from accounts that have not.

Whoever has confirmed an address gets the role or the place in a class that is kept for it.
"""

from __future__ import annotations

import unicodedata

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
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


def holders(email: str) -> QuerySet[User]:
    """Returns the accounts that have this address, whether they have confirmed it or not."""
    named = EmailAddress.objects.filter(email__iexact=email).values("user")
    return User.objects.filter(Q(email__iexact=email) | Q(pk__in=named), is_guest=False)


@transaction.atomic
def give_way(email: str, owner: User | None = None) -> None:
    """Takes an address in lower case from all accounts but the owner's, who has just confirmed it.

    An account that has no other address keeps this one as `lost_email`: with it and the password the person still
    signs in, and is asked for another address on every page.
    """
    for user in holders(email):
        if user == owner:
            continue
        EmailAddress.objects.filter(user=user, email__iexact=email).delete()
        if user.email.lower() != email:
            continue
        other = EmailAddress.objects.filter(user=user).order_by("-verified", "pk").first()
        if other is not None:
            other.set_as_primary()
        else:
            User.objects.filter(pk=user.pk).update(email="", lost_email=email)


@transaction.atomic
def replace_lost(user: User, address: EmailAddress) -> None:
    """Makes an address that the person has added the one of an account that lost its own, unless others have it."""
    if user.lost_email is not None and not holders(address.email).exclude(pk=user.pk).exists():
        user.lost_email = None
        User.objects.filter(pk=user.pk).update(lost_email=None)
        address.set_as_primary()
