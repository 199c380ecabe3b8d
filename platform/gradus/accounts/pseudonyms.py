"""Names on leaderboards: what may be one, a proposal, and the service that changes one."""

import secrets

from django.core.validators import RegexValidator
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from gradus.accounts.models import User

LEAST, MOST = 3, 40
IS_NAME = RegexValidator(
    r"^[\w][\w .-]*$",
    _("Use only letters, digits, spaces, dots, hyphens and underscores, and begin with a letter or a digit."),
)
TAKEN = _("Somebody else uses this name already. Choose another one.")
HOW = (
    *("amber", "bold", "brisk", "calm", "clear", "deft", "early", "fair", "gentle", "keen", "kind", "lively"),
    *("lucid", "mellow", "nimble", "patient", "quick", "quiet", "silver", "steady", "sunny", "swift", "warm", "wise"),
)
WHO = (
    *("badger", "beaver", "crane", "curlew", "dolphin", "falcon", "finch", "fox", "hare", "heron", "ibis", "kestrel"),
    *("lark", "lynx", "marten", "newt", "otter", "owl", "plover", "raven", "robin", "seal", "swift", "wren"),
)


class Taken(Exception):
    """Somebody else has this name."""


def propose() -> str:
    """Returns a random name that nobody has now, and that says nothing about the person."""
    while User.objects.filter(pseudonym=(name := _drawn())).exists():
        continue
    return name


def _drawn() -> str:
    return f"{secrets.choice(HOW)}-{secrets.choice(WHO)}-{secrets.randbelow(900) + 100}"


def rename(user: User, name: str) -> None:
    """Changes the name under which leaderboards show a person.

    Raises:
        Taken: somebody else has this name. Nothing has changed.
    """
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(pseudonym=name)
    except IntegrityError:
        raise Taken from None
