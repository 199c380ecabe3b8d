"""Merges two accounts of one person, once the person has agreed from both.

A learner asks for it, or a member of staff proposes it who sees what both accounts do. Each account agrees by itself,
and can take that back. With the second consent, everything moves to the account that stays, and the other one is closed
in the same transaction. That cannot be undone: nobody could tell later whose row was whose.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.core.mail import send_mail
from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.allauth_adapter import can_send_mails
from gradus.accounts.merges import REASON_CHARS
from gradus.accounts.models import Merge, StaffAction, User
from gradus.accounts.token_rules import LearnerData, at_least
from gradus.classes import changes
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from gradus.notices.models import Notice
from gradus.own_data import erasing, moving
from gradus.refusal import Refused, refuse_broken, too_long, wrong
from gradus.submissions.services import forgetting as of_attempts

log = structlog.get_logger(__name__)
What = StaffAction.What
# How often an account may ask within a day, so that nobody sends mails to others by it.
ASKED_MOST = 5
# For how long an account's code can be given to another one.
CODE_SECONDS = 60 * 60
SIGNER = TimestampSigner(salt="gradus.merge")


def code_of(user: User) -> str:
    """Returns a code that only this account's own page shows: who has it may ask for a merge with the account."""
    return SIGNER.sign(str(user.pk))


def found_by_code(code: str, field: str) -> User:
    """Returns the account whose page has shown this code within the last hour.

    A name would not do: anybody who knows it could open a merge, and while one is open the owner can open no other.

    Raises:
        Refused: 422, it is no such code; the problem names `field`.
    """
    try:
        user_id = SIGNER.unsign(code.strip(), max_age=CODE_SECONDS)
    except BadSignature:
        said = _("This code is wrong or older than an hour. Copy it anew from this page of the other account.")
        raise wrong(field, said, "wrong_code") from None
    return User.objects.get(pk=user_id)


def found_by(name: str, field: str) -> User:
    """Returns the account that leaderboards call by this name.

    Raises:
        Refused: 422, there is none; the problem names `field`.
    """
    refuse_broken(field, name)
    found = User.objects.filter(pseudonym=name.strip(), is_guest=False, deleted_at=None).first()
    if found is None:
        said = _("There is no account with this name on leaderboards. Its profile shows the name.")
        raise wrong(field, said, "no_account")
    return found


@transaction.atomic
def ask(kept: User, gone: User) -> Merge:
    """The owner asks, from the account that stays, to merge another one into it. That is the first consent.

    Raises:
        Refused: 409, the two cannot be merged, or the other account was against it.
    """
    held = _hold(kept, gone)
    _refuse_account(held[kept.pk])
    try:
        _refuse_account(held[gone.pk])
    except Refused:
        # What the other account is, only its owner learns.
        said = _("The other account cannot be merged. Sign in to it and ask from there to read why.")
        raise Refused("cannot_merge", said, 409) from None
    lately = timezone.now() - timedelta(days=1)
    if Merge.objects.filter(proposed_by=kept, proposed_at__gt=lately).count() >= ASKED_MOST:
        raise Refused("asked_often", _("You have asked several times today. Ask again tomorrow."), 429)
    pair = Q(kept=kept, gone=gone) | Q(kept=gone, gone=kept)
    if any(one.was_refused and one.ended_by_id != kept.pk for one in Merge.objects.filter(pair).exclude(ended_at=None)):
        said = _("The other account has refused this before. Sign in to it, and ask from there.")
        raise Refused("refused_before", said, 409)
    made = _create(held[kept.pk], held[gone.pk], kept, kept_agreed_at=timezone.now())
    staff.note(What.MERGE_AGREED, made, by=kept, user=kept.pk, merge=made.pk)
    return made


@transaction.atomic
def propose(kept: User, gone: User, *, by: User, reason: str) -> Merge:
    """A member of staff proposes to merge two accounts that seem to be one person's. Nothing happens by that alone.

    Raises:
        Http404: the person does not see what both accounts do.
        Refused: 409, the two cannot be merged; 422, the reason is missing or too long.
    """
    if not may_propose(by, kept, gone):
        raise Http404
    said = " ".join(reason.split())
    refuse_broken("reason", said)
    if not said:
        raise wrong("reason", _("Write why. The owner of both accounts reads it."), "no_reason")
    if len(said) > REASON_CHARS:
        raise too_long("reason", said, REASON_CHARS)
    held = _hold(kept, gone)
    for one in (kept, gone):
        _refuse_account(held[one.pk])
    return _create(held[kept.pk], held[gone.pk], by, reason=said)


def may_propose(by: User, *accounts: User) -> bool:
    """Returns True if the person decides about learners in a course or class in which all these accounts learn."""
    courses, classes = Course.objects.filter(roles.reach(by, roles.DECIDES)), _classes_of(by)
    for one in accounts:
        tried = Q(challenges__submissions__user=one)
        courses = courses.filter(pk__in=Course.objects.filter(tried | Q(classes__members__user=one)).values("pk"))
        classes = classes.filter(pk__in=Member.objects.filter(user=one).values("of_class"))
    return courses.exists() or classes.exists()


def may_propose_any(by: User) -> bool:
    """Returns True if there is a course or class in which the person decides about learners."""
    return Course.objects.filter(roles.reach(by, roles.DECIDES)).exists() or _classes_of(by).exists()


def _classes_of(by: User) -> QuerySet[Class]:
    teaching = Member.objects.active().filter(user=by, learner_data__in=at_least(LearnerData.EDITOR))
    return Class.objects.filter(pk__in=teaching.values("of_class"))


def _create(kept: User, gone: User, by: User, **values: Any) -> Merge:
    if Merge.objects.open().filter(Q(kept__in=(kept, gone)) | Q(gone__in=(kept, gone))).exists():
        said = _("A merge of one of these accounts is proposed already. It has to be withdrawn or refused first.")
        raise Refused("merge_open", said, 409)
    made = Merge.objects.create(kept=kept, gone=gone, proposed_by=by, **values)
    staff.note(What.MERGE_PROPOSED, made, by=by, **_both(made), reason=made.reason)
    _tell(made, Notice.Kind.MERGE, kept, gone, besides=by)
    transaction.on_commit(lambda: _mail("own_data/merge_proposed", made, kept, gone))
    return made


def consent(merge: Merge, *, by: User) -> Merge:
    """One of the two accounts agrees. With the second consent, they are merged at once.

    Raises:
        Http404: it is neither of the two.
        Refused: 409, the merge has ended, the two cannot be merged, or something of theirs is being graded; in that
            case nothing is kept of this consent.
    """
    side = _side(merge, by)
    with transaction.atomic():
        classes, held = _hold_all(merge)
        now = _locked(merge)
        for one in held.values():
            _refuse_account(one)
        _refuse_traces(held[now.gone_id])
        if now.agreed_at(by) is None:
            Merge.objects.filter(pk=now.pk).update(**{f"{side}_agreed_at": timezone.now()})
            staff.note(What.MERGE_AGREED, now, by=by, user=by.pk, merge=now.pk)
            now.refresh_from_db()
        if now.kept_agreed_at and now.gone_agreed_at:
            _carry_out(now, held[now.kept_id], held[now.gone_id], classes, by)
    return now


@transaction.atomic
def take_back(merge: Merge, *, by: User) -> None:
    """Takes the consent of one of the two accounts back.

    Raises:
        Http404: it is neither of the two.
        Refused: 409, the merge has ended, or was carried out.
    """
    side = _side(merge, by)
    now = _locked(merge)
    if Merge.objects.filter(pk=now.pk, **{f"{side}_agreed_at__isnull": False}).update(**{f"{side}_agreed_at": None}):
        staff.note(What.MERGE_TAKEN_BACK, now, by=by, user=by.pk, merge=now.pk)


@transaction.atomic
def end(merge: Merge, *, by: User) -> None:
    """One of the two accounts is against it, or whoever may propose it withdraws it.

    Raises:
        Http404: it is none of these.
        Refused: 409, the merge has ended, or was carried out.
    """
    if by.pk not in (merge.kept_id, merge.gone_id, merge.proposed_by_id) and not may_propose(
        by, merge.kept, merge.gone
    ):
        raise Http404
    # Accounts before the merge, as in `consent`: each gets a notice, which would lock it.
    _hold(merge.kept, merge.gone)
    now = _locked(merge)
    Merge.objects.filter(pk=now.pk).update(ended_at=timezone.now(), ended_by=by)
    staff.note(What.MERGE_ENDED, now, by=by, **_both(now))
    _tell(now, Notice.Kind.NO_MERGE, now.kept, now.gone, besides=by)


def _side(merge: Merge, by: User) -> str:
    sides = {merge.kept_id: "kept", merge.gone_id: "gone"}
    if by.pk not in sides:
        raise Http404
    return sides[by.pk]


def _locked(merge: Merge) -> Merge:
    rows = Merge.objects.select_for_update(of=("self",)).select_related("kept", "gone")
    now = rows.get(pk=merge.pk)
    if now.merged_at is not None:
        raise Refused("merged_already", _("The two accounts are one already."), 409)
    if now.ended_at is not None:
        raise Refused("ended_already", _("This was withdrawn or refused in the meantime, so nothing was changed."), 409)
    return now


def _hold(*accounts: User, for_good: bool = False) -> dict[int, User]:
    """Locks the accounts, always in the same order. `for_good` waits for every transaction that names one of them."""
    rows = User.objects.select_for_update(no_key=not for_good, of=("self",)).filter(pk__in=[one.pk for one in accounts])
    held = {one.pk: one for one in rows.order_by("pk")}
    if len(held) != len(accounts):
        raise wrong("other", _("These are the same account. Name another one."), "same_account")
    return held


def _hold_all(merge: Merge) -> tuple[dict[int, Class], dict[int, User]]:
    """Locks the classes of both accounts and then the accounts, as all services do."""
    memberships = Member.objects.filter(user__in=(merge.kept_id, merge.gone_id))
    keys = sorted(set(memberships.values_list("of_class", flat=True)))
    classes = {key: changes.hold(key) for key in keys}
    held = _hold(merge.kept, merge.gone, for_good=True)
    if not set(memberships.values_list("of_class", flat=True)) <= classes.keys():
        raise Refused("changed_meanwhile", _("One of the accounts has just joined a class. Please try again."), 409)
    return classes, held


def _refuse_account(user: User) -> None:
    """Raises `Refused` (409) unless the account is a learner's that is open and stays."""
    if user.is_guest:
        said = _("A visitor without an account is not merged: sign up, and what you have done stays yours.")
        raise Refused("no_account", said, 409)
    if user.deletion_due_at is not None or user.deleted_at is not None:
        raise Refused("to_be_deleted", _("An account that is to be deleted is not merged. Keep it first."), 409)
    if not user.is_active:
        raise Refused("closed", _("A closed account is not merged."), 409)
    has_rights = user.is_staff or user.is_superuser or user.may_create_courses or user.has_role
    if has_rights or user.groups.exists() or user.user_permissions.exists():
        said = _("An account with a role in a course, a class or on the site is not merged. Give up the role first.")
        raise Refused("has_role", said, 409)


def _refuse_traces(gone: User) -> None:
    if moving.has_acted(gone):
        said = _(
            "The account that would be closed has worked as staff: decisions and courses name it. Ask for a merge the "
            "other way round, so that it stays."
        )
        raise Refused("has_acted", said, 409)


def _carry_out(merge: Merge, kept: User, gone: User, classes: dict[int, Class], by: User) -> None:
    if any(of_attempts.open_evaluations(one).exists() for one in (kept, gone)):
        said = _("Something of one of the accounts is being graded or runs. Wait for its end or cancel it, then agree.")
        raise Refused("open_work", said, 409)
    moved = moving.move(gone, kept, classes)
    Merge.objects.filter(pk=merge.pk).update(merged_at=timezone.now(), moved=moved)
    User.objects.filter(pk=gone.pk).update(is_active=False, merged_into=kept)
    merge.refresh_from_db()
    staff.note(What.ACCOUNTS_MERGED, merge, by=by, **_both(merge), moved=moved)
    # That it is proposed is no news any more.
    Notice.objects.filter(merge=merge).delete()
    _tell(merge, Notice.Kind.MERGED, kept)
    transaction.on_commit(lambda: _finish(merge, kept, gone))


def _both(merge: Merge) -> dict[str, int]:
    return {"user": merge.kept_id, "other": merge.gone_id, "merge": merge.pk}


def _finish(merge: Merge, kept: User, gone: User) -> None:
    erasing.end_sessions(gone)
    log.info("accounts_merged", kept=kept.pk, gone=gone.pk)
    _mail("own_data/merged", merge, kept, gone)


def _tell(merge: Merge, kind: Notice.Kind, *accounts: User, besides: User | None = None) -> None:
    for one in accounts:
        if one != besides:
            Notice.objects.create(user=one, merge=merge, kind=kind)


def _mail(template: str, merge: Merge, *accounts: User) -> None:
    """Mails the addresses of both accounts. A mail server that is away holds up nothing: the pages say the same."""
    if not can_send_mails():
        return
    subject = " ".join(render_to_string(f"{template}_title.txt").split())
    body = render_to_string(f"{template}.txt", {"merge": merge})
    for address in {one.email for one in accounts if one.email}:
        try:
            send_mail(subject, body, None, [address])
        except OSError as error:
            log.warning("mail_refused", merge=merge.pk, reason=type(error).__name__)
