"""Decides whether a first log-in may have an address that an account of this site has already."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from gradus.accounts import addresses


def has_confirmed(sociallogin: Any, email: str) -> bool:
    """Returns True if the provider says that the address, in lower case, is the person's."""
    return any(one.verified and one.email == email for one in sociallogin.email_addresses)


def is_taken(sociallogin: Any, email: str) -> bool:
    """Returns True if an account has the address that does not give way to the person.

    Where the provider has confirmed the address, these are accounts that have confirmed it, too, and those of staff,
    which an operator has made. Otherwise nobody knows whose it is, and each account counts.
    """
    held = addresses.holders(email)
    if has_confirmed(sociallogin, email):
        confirmed = Q(emailaddress__email__iexact=email, emailaddress__verified=True)
        held = held.filter(confirmed | Q(is_staff=True))
    return held.exists()
