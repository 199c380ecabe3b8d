"""Signal handlers; `apps.py` connects them."""

from typing import Any

from allauth.account.models import EmailAddress

from gradus.accounts.models import User
from gradus.classes import joining


def after_address(sender: type[EmailAddress], instance: EmailAddress, raw: bool = False, **extra: Any) -> None:
    """Makes whoever has confirmed an address a member by account of the classes that know the address."""
    if instance.verified and not raw:
        joining.claim_memberships(instance.user)


def after_login(sender: object, user: User, **extra: Any) -> None:
    """Does the same at each log-in, for an address that was added to a class at the moment when it was confirmed."""
    joining.claim_memberships(user)
