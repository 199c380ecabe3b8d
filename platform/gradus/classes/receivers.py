"""Signal handlers of accounts, which `apps.py` connects."""

from typing import Any

from allauth.account.models import EmailAddress

from gradus.accounts.models import User
from gradus.classes import joining


def after_address(sender: type[EmailAddress], instance: EmailAddress, raw: bool = False, **extra: Any) -> None:
    """Links the account that has confirmed an address to the members with this address."""
    if instance.verified and not raw:
        joining.claim_memberships(instance.user)


def after_login(sender: object, user: User, **extra: Any) -> None:
    """Links members at each log-in, too, in case an address was added to a class while it was being confirmed."""
    joining.claim_memberships(user)
