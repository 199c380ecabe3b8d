"""Asks for the deletion of an account, keeps the account after all, and deletes those whose time has come.

A person has `DELETED_ACCOUNTS.time` to change her mind. Until then everything works as before, in every browser, except
that API tokens stop at once: whoever reads a page sees the bar that says so and can keep the account, and a program
cannot.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import staff_actions as staff
from gradus.accounts import tokens
from gradus.accounts.allauth_adapter import can_send_mails
from gradus.accounts.models import StaffAction, User
from gradus.own_data import erasing
from gradus.refusal import Refused, refuse_broken, too_long, wrong
from gradus.retention import DELETED_ACCOUNTS
from gradus.teach import people

log = structlog.get_logger(__name__)
What = StaffAction.What
# As many accounts are deleted in one round.
AT_ONCE = 20
REASON_CHARS = 500


@transaction.atomic
def ask(user: User, *, by: User | None = None, reason: str = "", at_once: bool = False, site: str = "") -> datetime:
    """Notes that the account is to be deleted, revokes its API tokens, and returns when it is due.

    A mail tells the person, unless there is no time left to change one's mind.

    Args:
        by: The member of staff who asks, with a `reason`. Without one, the person does.
        at_once: The account is due now: `erasing.erase` deletes it, or else the next round of the reconciler.
        site: The address of the site for the mail, where it is known.

    Raises:
        Refused: 409, the account is to be deleted already, is no account, or is the only owner of a course; 422, the
            reason is missing or too long, or contains a character that is not allowed.
    """
    reason = reason.strip()
    refuse_broken("reason", reason)
    if len(reason) > REASON_CHARS:
        raise too_long("reason", reason, REASON_CHARS)
    by_staff = by is not None or staff.in_shell()
    if by_staff and not reason:
        raise wrong("reason", _("Say why, for example who asked for it and how."), "no_reason")
    now = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if now.is_guest or now.deleted_at is not None:
        raise Refused("no_account", _("There is no account to delete."), 409)
    if now.deletion_due_at is not None:
        raise Refused("asked_already", _("This account is to be deleted already."), 409)
    if said := people.needs_other_owner(now):
        raise Refused("last_owner", said, 409)
    due_at = timezone.now() + (timedelta() if at_once else DELETED_ACCOUNTS.time)
    User.objects.filter(pk=now.pk).update(deletion_due_at=due_at)
    tokens.revoke_all(now)
    told = {"reason": reason} if reason else {}
    staff.note(What.DELETION_ASKED, now, by=by, user=now.pk, due_at=due_at.isoformat(), **told)
    if not at_once:
        transaction.on_commit(partial(_tell, now, due_at, site, by_staff))
    return due_at


def _tell(user: User, due_at: datetime, site: str, by_staff: bool) -> None:
    """Sends a mail to each confirmed address, so that nobody who has taken over a session can keep it from the owner.

    Without a mail server that answers, the bar on every page remains.
    """
    if not can_send_mails():
        return
    told = {"due_at": due_at, "site": site.rstrip("/"), "by_staff": by_staff}
    subject = _("Your Gradus account is to be deleted")
    body = render_to_string("own_data/deletion_mail.txt", told)
    confirmed = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    mails = [EmailMessage(subject, body, to=[address]) for address in confirmed]
    try:
        get_connection().send_messages(mails)
    except OSError as error:
        log.warning("deletion_not_mailed", user=user.pk, reason=type(error).__name__)


@transaction.atomic
def keep(user: User, *, by: User | None = None) -> bool:
    """Keeps an account that is to be deleted. Returns False if it is not, or if its deletion has begun."""
    to_be_deleted = User.objects.filter(pk=user.pk, deleted_at=None).exclude(deletion_due_at=None)
    if not to_be_deleted.update(deletion_due_at=None):
        return False
    staff.note(What.ACCOUNT_KEPT, user, by=by, user=user.pk)
    return True


def carry_out() -> int:
    """Deletes the accounts whose time has come, and returns their number. One that cannot go holds up no other."""
    due = User.objects.filter(deletion_due_at__lte=timezone.now()).order_by("deletion_due_at", "pk")
    done = 0
    for key in list(due.values_list("pk", flat=True)):
        if done == AT_ONCE:
            break
        try:
            done += erasing.erase(key)
        except Refused as refusal:
            log.warning("account_not_deleted", user=key, reason=refusal.code)
        except Exception as error:  # whatever is wrong with this one: all others are deleted
            log.exception("account_not_deleted", user=key, reason=type(error).__name__)
    return done


def context(request: HttpRequest) -> dict[str, Any]:
    """A context processor: when the account that is logged in is to be deleted, and what holds that up."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or user.deletion_due_at is None:
        return {}
    is_due = user.deletion_due_at <= timezone.now()
    return {"deletion_due_at": user.deletion_due_at, "deletion_waits": is_due and people.needs_other_owner(user)}
