"""Services that issue and revoke API tokens. Staff may also revoke the tokens of other people."""

from django.db import transaction
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus.accounts import staff_actions as staff
from gradus.accounts import token_rules
from gradus.accounts.models import ApiToken, StaffAction, User
from gradus.accounts.token_rules import DAYS_MAX, LEARNER, TOKEN_DAYS, TOKENS_MAX, Scope


class NotIssued(Exception):
    """No token was issued; the message says what to do.

    `code` is `token_limit`, `scope_not_yours` or `to_be_deleted`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@transaction.atomic
def issue(user: User, name: str, scope: Scope = LEARNER, days: int = TOKEN_DAYS) -> tuple[ApiToken, str]:
    """Issues a token that expires after `days` (1 to 365). Returns its row and its secret, which is not stored.

    Raises:
        NotIssued: the scope is wider than what the user may do, or the account has `TOKENS_MAX` tokens or is to be
            deleted.
        ValueError: `days` is out of range.
    """
    if not 1 <= days <= DAYS_MAX:
        raise ValueError(f"A token must expire after 1 to {DAYS_MAX} days, not {days}.")
    beyond = user.widest_scope.missing(scope)
    if beyond:
        listed = get_text_list([token_rules.named(*one) for one in beyond.items()], _("and"))
        said = _("Your account does not have all the rights of this token (%(rights)s). Choose a lower level.")
        raise NotIssued("scope_not_yours", said % {"rights": listed})
    # The lock makes parallel requests wait for each other, so that each counts the tokens of those before it.
    held = User.objects.select_for_update().get(pk=user.pk)
    if held.deletion_due_at is not None:
        said = _("This account is to be deleted, so it gets no token. Keep the account first.")
        raise NotIssued("to_be_deleted", said)
    if user.api_tokens.live().count() >= TOKENS_MAX:
        said = ngettext(
            "You have %(count)d token, and no more are allowed. Revoke it on your profile first.",
            "You have %(count)d tokens, and no more are allowed. Revoke one on your profile first.",
            TOKENS_MAX,
        )
        raise NotIssued("token_limit", said % {"count": TOKENS_MAX})
    return ApiToken.issue(user, name, scope, days)


@transaction.atomic
def revoke(token: ApiToken) -> None:
    """Revokes a token, which stops working at once. If staff revokes another person's token, that is recorded."""
    if token.revoke() and staff.is_for_another(token.user):
        staff.note(StaffAction.What.TOKEN_REVOKED, token, owner=token.user_id)


@transaction.atomic
def revoke_all(user: User) -> int:
    """Revokes all tokens of the account. Returns how many of them had worked until now."""
    live = list(user.api_tokens.live())
    for token in live:
        revoke(token)
    return len(live)
