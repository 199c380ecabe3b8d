"""Ending API tokens: one's own, or by staff those of somebody whose secret has got out."""

from django.db import transaction

from gradus.accounts import staff
from gradus.accounts.models import ApiToken, StaffAction, User

# That work at the same time, of one account.
MOST = 20


def has_all(user: User) -> bool:
    return user.api_tokens.live().count() >= MOST


@transaction.atomic
def revoke(token: ApiToken) -> None:
    """It stops working at once. Noted where it is somebody else's."""
    if token.revoke() and staff.is_for_another(token.user):
        staff.note(StaffAction.What.TOKEN_REVOKED, token, owner=token.user_id)


@transaction.atomic
def revoke_all(user: User) -> int:
    """Returns how many worked until now."""
    found = list(user.api_tokens.live())
    for token in found:
        revoke(token)
    return len(found)
