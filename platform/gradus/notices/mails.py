"""Sends notices by mail to learners who want that. The table of notices is the outbox.

A process takes a notice by a conditional update of `mailed_at`, so that of several processes only one sends the mail.
A process that dies between that update and the sending loses one mail; the notice itself stays on the site.
"""

from __future__ import annotations

import smtplib
from datetime import timedelta

import structlog
from django.core.mail import EmailMessage, get_connection
from django.db import DatabaseError
from django.db.models import F, Q
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import timezone

from gradus.accounts.allauth_adapter import can_send_mails
from gradus.notices.models import Notice, NoticeQuerySet

log = structlog.get_logger(__name__)
# Who has the page open sees the result at once, and needs no mail.
WAIT = timedelta(minutes=1)
# After a day the news is old: a mail server that comes back sends no flood.
NEWS = timedelta(days=1)
ABOUT_ONE_MAIL = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPSenderRefused)


class MailServerAway(Exception):
    """The mail server cannot be reached. The notice whose turn it was is not lost: it waits again."""


def due() -> NoticeQuerySet:
    """Returns the notices to mail: not seen, wanted by mail when they were written, to a confirmed address."""
    now = timezone.now()
    wanted = Q(announcement=None) | Q(announcement__by_mail=True)
    # Both addresses have a mail about a merge already, whether they want notices by mail or not.
    wanted &= Q(merge=None)
    return Notice.objects.unseen().filter(
        wanted,
        mailed_at=None,
        created_at__lte=now - WAIT,
        created_at__gte=now - NEWS,
        user__mail_wish__since__lte=F("created_at"),
        user__is_active=True,
        user__is_guest=False,
        user__emailaddress__primary=True,
        user__emailaddress__verified=True,
    )


def send_due(most: int) -> int:
    """Sends at most `most` mails and returns their number.

    Raises:
        MailServerAway: the mail server cannot be reached.
    """
    return sum(map(_send, due().order_by("pk").values_list("pk", flat=True)[:most])) if can_send_mails() else 0


def _send(pk: int) -> bool:
    """Sends one mail. Returns False if another process does, or if the mail server refuses this mail for good."""
    # PostgreSQL looks again at these conditions, not at those of a subquery, when another process held the row.
    if Notice.objects.unseen().filter(pk=pk, mailed_at=None).update(mailed_at=Now()) != 1:
        return False
    try:
        _mail(Notice.objects.with_subjects().select_related("user__mail_wish").get(pk=pk)).send()
    except ABOUT_ONE_MAIL as error:
        log.warning("mail_refused", notice=pk, reason=type(error).__name__)
        return False
    except OSError as error:
        Notice.objects.filter(pk=pk).update(mailed_at=None)
        raise MailServerAway(type(error).__name__) from error
    except DatabaseError:
        raise
    except Exception as error:  # whatever is wrong with this one: all others are sent, and it stays on the site
        log.exception("mail_failed", notice=pk, reason=type(error).__name__)
        return False
    return True


def _mail(notice: Notice) -> EmailMessage:
    context = {"notice": notice, "site": notice.user.mail_wish.site.rstrip("/")}
    subject = " ".join(render_to_string("notices/plain_title.txt", context).split())
    body = render_to_string("notices/mail.txt", context)
    return EmailMessage(subject, body, to=[notice.user.email], connection=get_connection())
