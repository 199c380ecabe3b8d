"""Services with which people join and leave a class, and which link members to accounts by confirmed addresses."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData, rank
from gradus.classes import changes, date_rules, members, signals
from gradus.classes.models import Class, Member
from gradus.refusal import Refused, wrong


def open_class(code: str) -> Class | None:
    """Returns the class that people can join by this code now, or None if the code is unknown, expired or stopped."""
    code = "".join(code.split()).lower().replace("-", "")
    open_now = Class.objects.filter(join_code_until__gt=timezone.now()).select_related("course")
    found = open_now.filter(join_code=code).first() if code else None
    return None if found is None or found.is_over() else found


@transaction.atomic
def join(code: str, *, by: User) -> Member:
    """Makes the person an active member of the class with this code. An active member stays as before.

    Raises:
        Refused: 403, the person is a visitor without an account; 404, nobody can join by this code.
    """
    if by.is_guest:
        raise Refused("account_needed", _("Sign in or sign up to join a class."), 403)
    found = open_class(code)
    # The code may have been replaced while this transaction waited for the lock.
    held = changes.hold(found) if found is not None else None
    if found is None or held is None or held.join_code != found.join_code:
        said = _("Nobody can join by this code: it is mistyped, too old, or was replaced. Ask for the newest one.")
        raise wrong("code", said, "code_unknown", 404)
    return members.add_member(held, by=by, user=by, via=Member.Via.CODE, allowed=True)


def can_leave(member: Member) -> bool:
    """Returns True if the member can leave. Learners cannot while their class withholds grades.

    Outside of the class, they would see the grade of the same work at once.
    """
    return member.teaches or not any(rule.withholds_grade() for rule in member.of_class.release_rules.all())


def leave(of_class: Class, *, by: User) -> Member:
    """Ends the person's membership. The row and all rows that refer to it are kept.

    Raises:
        Refused: 404, the person is not in the class; 409, `grades_withheld`, grades of the class are not released yet.
    """
    member = Member.objects.active().filter(of_class=of_class, user=by).select_related("of_class").first()
    if member is None:
        raise Refused("no_member", _("You are not in this class."), 404)
    if not can_leave(member):
        said = _("Grades of this class are not released yet. Ask a teacher to take you out of it, or leave after that.")
        raise Refused("grades_withheld", said, 409)
    return members.remove_member(member, by=by)


@transaction.atomic
def claim_memberships(user: User) -> None:
    """Links an account to each member whose address it has confirmed.

    If the account is already another member of that class, the two rows become one; see `merge`.
    """
    if user.is_guest:
        return
    confirmed = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    addresses = {one.lower() for one in confirmed}
    known = list(Member.objects.filter(email__in=addresses, user=None).order_by("of_class_id", "pk"))
    # Locks all classes before a change locks the first learner, because other services lock a class first, too.
    classes = {key: changes.hold(key) for key in sorted({one.of_class_id for one in known})}
    for found in known:
        held = classes[found.of_class_id]
        member = Member.objects.filter(pk=found.pk, user=None).first()
        if member is None:
            continue
        other = Member.objects.filter(of_class=held, user=user).first()
        if other is not None:
            merge(member, other)
            continue
        before = members.values_of(member)
        member.user = user
        member.save(update_fields=["user"])
        members.note_member(member, user, before)


def merge(one: Member, two: Member) -> Member:
    """Merges two members who are the same person into the older row, and returns it. Needs `changes.hold`.

    Rows that refer to the newer row refer to the older one afterwards. Of two date rules for one place, the one that
    was changed last stays, with the longer extension, and the log keeps the other. Blank fields are filled from the
    newer row, labels are united, and the higher role among the active rows counts. The result is active if one of the
    rows was.
    """
    kept, gone = sorted((one, two), key=lambda member: member.pk)
    before, was = members.values_of(kept), members.values_of(gone)
    signals.members_merged.send(Member, kept=kept, gone=gone)
    kept.labels.add(*gone.labels.all())
    dropped = _newer_rules(kept, gone)
    _move_rows(kept, gone)
    for name in (*members.PERSONAL, "user_id", "invited_at"):
        if not getattr(kept, name):
            setattr(kept, name, getattr(gone, name))
    # The role of a member who has left does not count.
    levels = [LearnerData(one.learner_data) for one in (kept, gone) if one.is_active]
    kept.learner_data = max(levels, key=rank, default=LearnerData.NONE)
    if gone.is_active:
        kept.state, kept.left_at = Member.State.ACTIVE, None
    gone_key = gone.pk
    gone.delete()
    kept.save()
    rules = {"date_rules": dropped} if dropped else {}
    members.note_member(kept, kept.user, {**before, "merged": {**was, "member": gone_key, **rules}})
    return kept


def _newer_rules(kept: Member, gone: Member) -> list[dict[str, Any]]:
    """Deletes the older one of two rules for the same place. Returns the values of the deleted rules for the log.

    The newer one keeps an extension of the older one that is longer, because an extension takes no time from anybody.
    """
    found = {(rule.lesson_id, rule.challenge_id): rule for rule in kept.date_rules.all()}
    dropped = []
    for rule in gone.date_rules.all():
        other = found.get((rule.lesson_id, rule.challenge_id))
        if other is None:
            continue
        older, newer = sorted((rule, other), key=lambda one: (one.changed_at, one.pk))
        newer.extended_to = max(filter(None, (older.extended_to, newer.extended_to)), default=None)
        newer.save(update_fields=["extended_to"])
        place = older.challenge or older.lesson
        dropped.append({"place": place.slug if place else None, **date_rules.facts_of(older)})
        older.delete()
    return dropped


def _move_rows(kept: Member, gone: Member) -> None:
    for relation in Member._meta.related_objects:
        if relation.many_to_many or relation.related_model is Member.labels.through:
            continue
        for row in relation.related_model._default_manager.filter(**{relation.field.name: gone}):
            try:
                with transaction.atomic():
                    type(row)._default_manager.filter(pk=row.pk).update(**{relation.field.name: kept})
            except IntegrityError:
                # `kept` already has such a row, which stays.
                continue
