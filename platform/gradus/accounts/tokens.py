"""Making API tokens, and ending them: one's own, or by staff those of somebody whose secret has got out."""

from django.db import transaction

from gradus.accounts import scopes, staff
from gradus.accounts.models import TOKEN_DAYS, ApiToken, StaffAction, User
from gradus.accounts.scopes import LEARNER, Scope

# That work at the same time, of one account.
MOST = 20
DAYS_MAX = 365


class NotIssued(Exception):
    """Why there is no token: `code` is `token_limit` or `scope_not_yours`; the text says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@transaction.atomic
def issue(user: User, name: str, scope: Scope = LEARNER, days: int = TOKEN_DAYS) -> tuple[ApiToken, str]:
    """Makes a token that ends after `days` (1 to 365). Returns its row and its secret, which is not kept.

    Raises:
        NotIssued: the scope is wider than what the user may do, or the account has `MOST` tokens.
        ValueError: `days` is out of range.
    """
    if not 1 <= days <= DAYS_MAX:
        raise ValueError(f"A token ends after 1 to {DAYS_MAX} days, not {days}.")
    beyond = user.widest_scope.missing(scope)
    if beyond:
        listed = " and ".join(scopes.named(*one) for one in beyond.items())
        raise NotIssued("scope_not_yours", f"Your account may not do what {listed} allows. Choose a lower level.")
    # Of requests that come at once, each counts the tokens of those before it.
    User.objects.select_for_update().get(pk=user.pk)
    if user.api_tokens.live().count() >= MOST:
        raise NotIssued("token_limit", f"You have {MOST} tokens. Revoke one on your profile first.")
    return ApiToken.issue(user, name, scope, days)


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
