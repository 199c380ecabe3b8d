"""Services with which owners decide who has which role in a course, and by which people accept an invitation or leave.

A course that has owners keeps at least one. Whoever changes a role locks the course's row first and then changes the
role by a conditional statement, so that two owners who go at the same moment cannot both do so.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

import structlog
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.db.models import Case, Exists, Q, QuerySet, When
from django.urls import reverse
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus import retention
from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.addresses import address, has_confirmed
from gradus.accounts.allauth_adapter import can_send_mails
from gradus.accounts.models import Enrolment, StaffAction, User, digest_of
from gradus.accounts.roles import OWNS
from gradus.accounts.token_rules import LEARNER, Content, Scope, rank
from gradus.classes import membership
from gradus.courses.models import Course
from gradus.refusal import Refused, wrong
from gradus.teach.models import Invitation, InvitationQuerySet

log = structlog.get_logger(__name__)
What = StaffAction.What
LASTS = retention.INVITATIONS.time
# A person whose account was taken over must not send mails to the world.
INVITATIONS_A_DAY = 50


@dataclass(frozen=True)
class Invited:
    """An invitation with its link, which is known only now. `mailed` is False where the site has no mail server."""

    invitation: Invitation
    link: str
    mailed: bool


def people_of(course: Course) -> QuerySet[Enrolment]:
    """Returns everybody with a role in the course, owners first."""
    found = course.enrolments.exclude(**vars(LEARNER)).select_related("user")
    levels = [When(content=level, then=rank(level)) for level in Content]
    return found.annotate(level=Case(*levels, default=0)).order_by("-level", "pk")


def invitations_to(course: Course) -> InvitationQuerySet:
    """Returns the invitations that can be accepted, the newest first."""
    return Invitation.objects.open().filter(course=course).select_related("invited_by").order_by("-pk")


def invite(course: Course, *, by: User, email: str, scope: Scope, site: str) -> Invited:
    """Invites an address to a role, and sends it a mail with the link where the site can send mails.

    Args:
        site: The address under which the person uses the site, such as `https://example.org/`.

    Raises:
        Refused: 403, the person is no owner; 409, the address is invited already, or belongs to somebody with a role;
            422, it is no address, or the role has no level; 429, the person has invited too many today; 503, the mail
            server does not take the mail: nobody is invited then.
    """
    roles.refuse_unless(by, course, OWNS)
    email, secret, now = address(email), secrets.token_urlsafe(32), timezone.now()
    if scope == LEARNER:
        raise _no_level(_("Choose a level for course content, for learner data, or for both."))
    try:
        with transaction.atomic():
            _hold(course.pk)
            _refuse_more(by)
            if EmailAddress.objects.filter(user__in=people_of(course).values("user"), verified=True, email=email):
                raise wrong("email", _("This person has a role here already. Change it in the list."), "has_role", 409)
            standing = Invitation.objects.standing().filter(course=course, email=email)
            standing.filter(expires_at__lte=now).update(withdrawn_at=now)
            made = Invitation.objects.create(
                course=course,
                email=email,
                digest=digest_of(secret),
                invited_by=by,
                created_at=now,
                expires_at=now + LASTS,
                **vars(scope),
            )
            staff.note(What.PERSON_INVITED, made, by=by, invitation=made.pk, **_levels(scope))
    except IntegrityError:
        said = _("This address is invited already. To send another mail, withdraw the invitation and invite again.")
        raise wrong("email", said, "invited_already", 409) from None
    link = site.rstrip("/") + reverse("teach:invitation", args=[secret])
    return Invited(made, link, _send(made, link, by))


def _send(made: Invitation, link: str, by: User) -> bool:
    if not can_send_mails():
        return False
    try:
        _mail(made, link, by).send()
    except OSError as error:
        log.warning("mail_refused", invitation=made.pk, reason=type(error).__name__)
        withdraw(made, by=by)
        said = _("The mail could not be sent, so nobody is invited. Check the address, and try again in a few minutes.")
        raise Refused("mail_not_sent", said, 503) from error
    return True


def _mail(made: Invitation, link: str, by: User) -> EmailMessage:
    named = {"name": membership.name_of_teacher(by, made.course), "title": made.course.title, "days": LASTS.days}
    content, data = made.get_content_display(), made.get_learner_data_display()
    days = ngettext("The link works for %(days)d day.", "The link works for %(days)d days.", LASTS.days)
    parts = (
        _("%(name)s invites you to help with the course “%(title)s” on Gradus.") % named,
        _("Course content: %(level)s") % {"level": content} + "\n" + _("Learner data: %(level)s") % {"level": data},
        _("Open this link, and sign in or sign up with this address:") + "\n" + link,
        days % named + " " + _("If you do not know why you get this mail, do nothing."),
    )
    # A title with a line break would end the header of the subject.
    subject = " ".join((_("Invitation to the course %(title)s") % named).split())
    return EmailMessage(subject, "\n\n".join(parts) + "\n", to=[made.email])


@transaction.atomic
def withdraw(invitation: Invitation, *, by: User) -> None:
    """Withdraws an invitation: its link no longer works.

    Raises:
        Refused: 403, the person is no owner; 409, it was accepted or withdrawn before.
    """
    roles.refuse_unless(by, invitation.course_id, OWNS)
    standing = Invitation.objects.standing().filter(pk=invitation.pk)
    if standing.update(withdrawn_at=timezone.now()) != 1:
        raise Refused("invitation_used", _("This invitation has been accepted or withdrawn in the meantime."), 409)
    staff.note(What.INVITATION_WITHDRAWN, invitation, by=by, invitation=invitation.pk)


def invitation_with(secret: str) -> Invitation | None:
    """Returns the invitation of a link, or None if there is none, or its time is over."""
    found = Invitation.objects.matching(secret).select_related("course", "invited_by").first()
    return None if found is None or found.is_over else found


def may_accept(invitation: Invitation, user: User) -> bool:
    """Returns True if the address that was invited is a confirmed one of the account."""
    return has_confirmed(user, invitation.email)


@transaction.atomic
def accept(secret: str, *, by: User) -> Enrolment:
    """Gives the person the role of the invitation, or the higher level of each axis if there is a role already.

    The person who has accepted may do so again, which changes nothing.

    Raises:
        Refused: 403, the invited address is no confirmed one of the account; 404, there is no such invitation, or it
            was withdrawn, or its time is over; 409, it was accepted by somebody else, or the role was removed since.
    """
    found = Invitation.objects.matching(secret).first()
    if found is None or found.is_over:
        said = _("This invitation no longer works: it was withdrawn or is too old. Ask for another one.")
        raise Refused("invitation_over", said, 404)
    if not may_accept(found, by):
        said = _("The invitation was sent to an address that is not a confirmed one of your account.")
        raise Refused("other_address", said, 403)
    _hold(found.course_id)
    if found.accepted_at is None and not _still_owns(found):
        said = _("This invitation no longer works, because the person who sent it no longer owns the course.")
        raise Refused("invitation_over", said, 404)
    if Invitation.objects.open().filter(pk=found.pk).update(accepted_at=timezone.now(), accepted_by=by) != 1:
        return _accepted_before(found, by)
    role, created = Enrolment.objects.get_or_create(user=by, course_id=found.course_id, defaults=vars(found.scope))
    higher = {axis: max(getattr(role.scope, axis), level, key=rank) for axis, level in vars(found.scope).items()}
    if not created and Scope(**higher) != role.scope:
        role.content, role.learner_data = higher["content"], higher["learner_data"]
        role.save()
    staff.note(What.INVITATION_ACCEPTED, found, by=by, invitation=found.pk, **_levels(role.scope))
    return role


def _still_owns(invitation: Invitation) -> bool:
    """An owner who was removed must not come back, or bring somebody in, by an invitation sent before."""
    by = invitation.invited_by
    return by is not None and by.is_active and roles.may(by, invitation.course_id, OWNS)


def _accepted_before(invitation: Invitation, by: User) -> Enrolment:
    role = Enrolment.objects.filter(course=invitation.course_id, user=by).exclude(**vars(LEARNER)).first()
    accepted = Invitation.objects.filter(pk=invitation.pk, accepted_by=by)
    if role is None or not accepted.exists():
        raise Refused("invitation_used", _("This invitation has been accepted or withdrawn in the meantime."), 409)
    return role


@transaction.atomic
def change(role: Enrolment, scope: Scope, *, by: User) -> None:
    """Gives a person other levels in the course.

    Raises:
        Refused: 403, the one who asks is no owner; 409, the person is the only owner and would no longer be one, or has
            no role any more; 422, the role has no level.
    """
    _hold(role.course_id)
    roles.refuse_unless(by, role.course_id, OWNS)
    if scope == LEARNER:
        raise _no_level(_("Choose a level for course content, for learner data, or for both; or remove the person."))
    stays = scope.content == Content.OWNER
    changed = (Enrolment.objects.filter(pk=role.pk) if stays else _not_the_last_owner(role)).update(**vars(scope))
    if changed != 1:
        raise last_owner(role)
    before = _levels(role.scope)
    role.refresh_from_db()
    staff.note(What.ROLE_CHANGED, role, by=by, user=role.user_id, before=before, **_levels(scope))


@transaction.atomic
def remove(role: Enrolment, *, by: User) -> None:
    """Removes a person from the course. Everybody may remove oneself, which is to leave it.

    Raises:
        Refused: 403, the one who asks is no owner and somebody else; 409, the person is the only owner, or has no role
            any more.
    """
    _hold(role.course_id)
    if role.user_id != by.pk:
        roles.refuse_unless(by, role.course_id, OWNS)
    # The receivers of `accounts` record what is deleted.
    if _not_the_last_owner(role).delete()[0] != 1:
        raise last_owner(role)


def is_last_owner(role: Enrolment) -> bool:
    """Returns True if the person is an owner, and the course would have none without that role."""
    return role.content == Content.OWNER and not _not_the_last_owner(role).exists()


def _not_the_last_owner(role: Enrolment) -> QuerySet[Enrolment]:
    """Returns the row of the role, or none if it is that of the only owner."""
    owners = Enrolment.objects.filter(course=role.course_id, content=Content.OWNER, user__is_active=True)
    return Enrolment.objects.filter(~Q(content=Content.OWNER) | Exists(owners.exclude(pk=role.pk)), pk=role.pk)


def needs_other_owner(user: User) -> str:
    """Returns what has to be done before the person can go, or "" if no course would be left without an owner."""
    roles_of = Enrolment.objects.filter(user=user).select_related("course").order_by("course__title")
    alone = [f"“{role.course.title}”" for role in roles_of if is_last_owner(role)]
    if not alone:
        return ""
    said = _(
        "You are the only owner of %(courses)s. Make somebody else an owner first, on the page “People” of the course."
    )
    return said % {"courses": get_text_list(alone, _("and"))}


def hold_courses_of(user_id: int) -> None:
    """Locks the courses in which the person has a role, as `remove` does, before the person is locked."""
    for course in Enrolment.objects.filter(user=user_id).order_by("course").values_list("course", flat=True):
        _hold(course)


def held(role: Enrolment) -> Enrolment:
    """Locks the role's course until the transaction ends, and returns the role as it is now."""
    _hold(role.course_id)
    return Enrolment.objects.get(pk=role.pk)


def last_owner(role: Enrolment) -> Refused:
    """Returns the refusal of a change that would leave the course without an owner, or of a role that is gone."""
    if not Enrolment.objects.filter(pk=role.pk).exists():
        return Refused("no_role", _("This person has no role in the course any more."), 409)
    said = _("This is the only owner of the course. Make somebody else an owner first.")
    return wrong("content", said, "last_owner", 409)


def _hold(course: int) -> None:
    """Locks the course, so that two changes of its people follow one another."""
    Course.objects.select_for_update(no_key=True).get(pk=course)


def _refuse_more(by: User) -> None:
    # Parallel requests of one person for several courses wait for each other, so that each counts the others.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    day = timezone.now() - timedelta(days=1)
    if Invitation.objects.filter(invited_by=by, created_at__gt=day).count() >= INVITATIONS_A_DAY:
        said = ngettext(
            "You have sent %(count)d invitation within a day, and no more are allowed. Go on tomorrow.",
            "You have sent %(count)d invitations within a day, and no more are allowed. Go on tomorrow.",
            INVITATIONS_A_DAY,
        )
        raise Refused("too_many_invitations", said % {"count": INVITATIONS_A_DAY}, 429)


def _levels(scope: Scope) -> dict[str, str]:
    return {axis: str(level) for axis, level in vars(scope).items()}


def _no_level(message: str) -> Refused:
    return wrong("content", message, "no_level", 422)
