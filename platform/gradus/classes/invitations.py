"""Services that add people to a class by email address, and invite them by mail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import structlog
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus.accounts import roles
from gradus.accounts.addresses import address
from gradus.accounts.allauth_adapter import can_send_mails
from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import changes, members, membership
from gradus.classes.models import Class, Member
from gradus.refusal import Refused, wrong

log = structlog.get_logger(__name__)
AT_ONCE = 200
# A limit, so that nobody can send mails to the whole world with a stolen account.
MAILS_A_DAY = 500
HOUR = timedelta(hours=1)


@dataclass
class Invited:
    """The result of inviting: all members, new or not, those who got a mail, and those whose mail failed."""

    members: list[Member]
    mailed: list[Member] = field(default_factory=list)
    failed: list[Member] = field(default_factory=list)


def addresses_in(text: str) -> list[str]:
    """Returns the distinct addresses in a text, where they are separated by commas, semicolons or line breaks.

    Raises:
        Refused: 422: `bad_email`, if the message names a text that is not an address; `empty`; or too many addresses.
    """
    # Mail programs write a name before the address, which is then in angle brackets.
    found = [re.sub(r"^.*<([^<>]*)>$", r"\1", one.strip()) for one in re.split(r"[,;\n]", text)]
    emails = []
    for one in filter(None, found):
        try:
            emails.append(address(one))
        except Refused:
            said = _("“%(text)s” is not an email address. Write each address on its own line.") % {"text": one[:80]}
            raise wrong("emails", said, "bad_email") from None
    if not emails:
        raise wrong("emails", _("Write at least one email address."), "empty")
    if len(emails) > AT_ONCE:
        said = _("Add at most %(most)d addresses at once, or use a roster.") % {"most": AT_ONCE}
        raise wrong("emails", said, "too_many")
    return list(dict.fromkeys(emails))


def invite(
    of_class: Class,
    emails: Iterable[str],
    *,
    by: User,
    site: str,
    learner_data: str = LearnerData.NONE,
    labels: Sequence[str] = (),
    mail: bool = True,
) -> Invited:
    """Adds the addresses to the class, and sends each a mail with a link to the course.

    Args:
        site: The address under which the person uses the site, such as `https://example.org/`.

    Raises:
        Http404, Refused: 403, the person may not; 422, an address or label is wrong; 429, too many mails today. Nobody
            is added then.
    """
    emails = list(emails)
    with transaction.atomic():
        held = changes.hold(of_class)
        membership.refuse_unless(by, held, roles.DECIDES)
        if mail and can_send_mails():
            _refuse_more(by, len(emails))
        given: dict[str, Any] = {"learner_data": learner_data, "labels": labels, "via": Member.Via.INVITATION}
        added = [members.add_member(held, by=by, email=email, **given) for email in emails]
        if not (mail and can_send_mails()):
            return Invited(added)
        due = _due(added)
        # Stored before the mails are sent, so that parallel requests count each other's mails.
        _note_sent(due, by)
    return replace(_send(held, due, by, site), members=added)


def invite_again(of_class: Class, found: Iterable[Member], *, by: User, site: str) -> Invited:
    """Sends these members the invitation, again or for the first time. Raises what `invite` raises."""
    found = [one for one in found if one.email]
    with transaction.atomic():
        held = changes.hold(of_class)
        membership.refuse_unless(by, held, roles.DECIDES)
        if not can_send_mails():
            raise Refused("mail_not_sent", _("This site cannot send mails. Tell people the link of the class."), 503)
        due = _due(found)
        _refuse_more(by, len(due))
        _note_sent(due, by)
    return _send(held, due, by, site)


def _due(found: Iterable[Member]) -> list[Member]:
    """Returns the members who got no invitation within the last hour, so that nobody is flooded with mails."""
    keys = [one.pk for one in found]
    lately = Member.objects.filter(pk__in=keys, invited_at__gt=timezone.now() - HOUR).values_list("pk", flat=True)
    had = set(lately)
    return [one for one in found if one.pk not in had]


def _refuse_more(by: User, more: int) -> None:
    # Parallel requests of one person for several classes wait for each other, so that each counts the others' mails.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    day = timezone.now() - timedelta(days=1)
    if Member.objects.filter(invited_by=by, invited_at__gt=day).count() + more > MAILS_A_DAY:
        said = ngettext(
            "You may send %(most)d mail within a day. Let people join by link instead.",
            "You may send %(most)d mails within a day. Let people join by link instead.",
            MAILS_A_DAY,
        )
        raise Refused("too_many_invitations", said % {"most": MAILS_A_DAY}, 429)


def _note_sent(found: Iterable[Member], by: User) -> None:
    keys = [one.pk for one in found]
    Member.objects.filter(pk__in=keys).update(invited_at=timezone.now(), invited_by=by)


def _send(of_class: Class, found: Sequence[Member], by: User, site: str) -> Invited:
    made = Invited(list(found))
    try:
        with get_connection() as connection:
            for member in found:
                try:
                    _mail(of_class, member, by, site, connection).send()
                    made.mailed.append(member)
                except OSError as error:
                    log.warning("mail_refused", member=member.pk, reason=type(error).__name__)
    except OSError as error:
        log.warning("mail_server_away", of_class=of_class.pk, reason=type(error).__name__)
    sent = {one.pk for one in made.mailed}
    made.failed = [one for one in made.members if one.pk not in sent]
    Member.objects.filter(pk__in=[one.pk for one in made.failed]).update(invited_at=None)
    return made


def _mail(of_class: Class, member: Member, by: User, site: str, connection: Any) -> EmailMessage:
    # A line break in the title would end the header of the subject.
    subject = " ".join((_("Your class %(class)s") % {"class": of_class.title}).split())
    return EmailMessage(subject, words(of_class, member, by, site), to=[member.email], connection=connection)


def words(of_class: Class, member: Member, by: User, site: str) -> str:
    """Returns the text of the invitation, which people can also send themselves. It holds no secret."""
    named = {"name": of_class.name_of(by), "class": of_class.title, "course": of_class.course.title}
    page = reverse("learn:course", args=[of_class.course.slug])
    if member.user_id is not None:
        then = _("You are in. This is the course:") + "\n" + site.rstrip("/") + page
    else:
        sign_up = site.rstrip("/") + reverse("account_signup") + "?" + urlencode({"next": page})
        then = _("Sign up with this address and confirm it. You are in then:") + "\n" + sign_up
    parts = (
        _("%(name)s has added you to the class “%(class)s” of the course “%(course)s” on Gradus.") % named,
        then,
        _("If you do not know why you get this mail, do nothing."),
    )
    return "\n\n".join(parts) + "\n"
