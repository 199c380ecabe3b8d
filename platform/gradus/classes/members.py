"""Services that change the members of a class. See `services` for the class itself, and `joining` for joining by code.

Each locks the class's row first, so that changes of one class follow one another. Each writes the change to the log of
staff actions, and sends `signals.changed`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.addresses import account_with, address
from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import membership, signals
from gradus.classes.changes import clean, hold, plain, refuse_changed
from gradus.classes.models import Class, Label, Member
from gradus.refusal import wrong
from gradus.validators import whole_number

What = StaffAction.What
DECIDES = roles.DECIDES
PERSONAL = ("email", "login", "registration_number", "first_name", "last_name")


@transaction.atomic
def add_member(
    of_class: Class,
    *,
    by: User,
    email: str = "",
    user: User | None = None,
    via: str = Member.Via.HAND,
    learner_data: str = LearnerData.NONE,
    labels: Iterable[str] = (),
    allowed: bool = False,
    **personal: str,
) -> Member:
    """Adds a person by account or address, or restores a member who has left.

    An address that an account has confirmed stands for that account. Of a person who is already in the class, only the
    given fields change.

    Args:
        labels: The names of labels. Missing labels are created.
        allowed: True if the caller has already checked the permission.
        personal: Further fields of `PERSONAL`.

    Raises:
        Http404, Refused: 403, the person may not; 422, there is neither an account nor an address, or something is
            wrong.
    """
    held = hold(of_class)
    if not allowed:
        membership.refuse_unless(by, held, DECIDES)
    if email:
        email = address(email)
        user = user or account_with(email)
    found = find_member(held, user=user, email=email)
    if found is None and email and held.members.filter(email=email).exists():
        # Another member has this address. The account that has confirmed it becomes a member without an address.
        email = ""
    member = found or Member(of_class=held, user=user, email=email, joined_via=via)
    before = values_of(member) if found else {}
    if learner_data != LearnerData.NONE or not member.is_active:
        # A former member gets the role that is given now: former teachers still know the link of the class.
        member.learner_data = learner_data
    member.state, member.left_at = Member.State.ACTIVE, None
    if email and not member.email:
        member.email = email
    if user is not None and member.user_id is None:
        member.user = user
    if found:
        found.managed.update(made_member=False)
    _write(member, {name: value for name, value in personal.items() if value})
    if names := list(labels):
        member.labels.add(*labels_named(held, names))
    note_member(member, by, before)
    return member


@transaction.atomic
def change_member(
    member: Member,
    *,
    by: User,
    seen: str = "",
    labels: Collection[str] | None = None,
    learner_data: str | None = None,
    **personal: str,
) -> Member:
    """Changes the role of a member, the fields of `PERSONAL`, or the labels, which `labels` replaces by name.

    Args:
        seen: `version_of(values_of(...))` of what the person saw, or empty.

    Raises:
        Http404, Refused: 403, the person may not; 409, `changed_meanwhile`, or the address belongs to another member;
            422, a value is wrong.
    """
    held = hold(member.of_class_id)
    membership.refuse_unless(by, held, DECIDES)
    now = Member.objects.get(pk=member.pk)
    before = values_of(now)
    refuse_changed(seen, before)
    if learner_data is not None:
        now.learner_data = learner_data
    if personal.get("email"):
        personal["email"] = address(personal["email"])
        other = find_member(held, user=account_with(personal["email"]), email=personal["email"])
        if other is not None and other.pk != now.pk:
            said = _("This address belongs to another member of the class.")
            raise wrong("email", said, "address_taken", 409)
        now.user = now.user or account_with(personal["email"])
    _write(now, personal)
    if labels is not None:
        now.labels.set(labels_named(held, labels))
    note_member(now, by, before)
    return now


@transaction.atomic
def remove_member(member: Member, *, by: User) -> Member:
    """Removes a member from the class. The row and its related rows are kept. Members may also remove themselves.

    Raises:
        Http404, Refused: 403, the person may not remove others.
    """
    held = hold(member.of_class_id)
    if member.user_id != by.pk:
        membership.refuse_unless(by, held, DECIDES)
    now = Member.objects.get(pk=member.pk)
    if not now.is_active:
        return now
    before = values_of(now)
    now.state, now.left_at = Member.State.LEFT, timezone.now()
    now.save(update_fields=["state", "left_at"])
    note_member(now, by, before)
    return now


@transaction.atomic
def restore_member(member: Member, *, by: User) -> Member:
    """Restores a member who has left or was removed, with all rows that refer to the membership."""
    held = hold(member.of_class_id)
    membership.refuse_unless(by, held, DECIDES)
    now = Member.objects.get(pk=member.pk)
    before = values_of(now)
    now.state, now.left_at = Member.State.ACTIVE, None
    now.save(update_fields=["state", "left_at"])
    now.managed.update(made_member=False)
    note_member(now, by, before)
    return now


@transaction.atomic
def remove_members(of_class: Class, found: Iterable[Member], *, by: User) -> None:
    """Removes several members. Raises as `remove_member` does."""
    for member in found:
        remove_member(member, by=by)


@transaction.atomic
def label_members(of_class: Class, found: Collection[Member], name: str, *, by: User, on: bool = True) -> None:
    """Adds a label to several members of the class, or removes it from them.

    Raises:
        Http404, Refused: 403, the person may not; 422, the name is invalid, or no label of the class has this name.
    """
    held = hold(of_class)
    membership.refuse_unless(by, held, DECIDES)
    key = " ".join(name.split()).casefold()
    if not key:
        raise wrong("label", _("Write the name of a label."))
    if not on and not any(one.name.casefold() == key for one in held.labels.all()):
        raise wrong("label", _("The class has no label of this name."), "no_such_label")
    (label,) = labels_named(held, [name])
    had = set(label.members.filter(pk__in=[one.pk for one in found]).values_list("pk", flat=True))
    changed = {one.pk for one in found} - had if on else had
    if not changed:
        return
    if on:
        label.members.add(*changed)
    else:
        label.members.remove(*changed)
    note_members(held, by, label, members=sorted(changed), **{"label_given" if on else "label_taken": label.name})
    signals.changed.send(Class, of_class=held, members=changed)


def labels_named(of_class: Class, names: Iterable[str]) -> list[Label]:
    """Returns the labels with these names, ignoring case, and creates missing ones. Needs `hold`.

    Raises:
        Refused: 422, a name is empty or too long.
    """
    known = {one.name.casefold(): one for one in of_class.labels.all()}
    found = {}
    for name in names:
        name = " ".join(name.split())
        if (key := name.casefold()) not in known:
            made = Label(of_class=of_class, name=name)
            clean(made)
            made.save()
            known[key] = made
        found[key] = known[key]
    return list(found.values())


def find_member(of_class: Class, *, user: User | None = None, email: str = "") -> Member | None:
    """Returns the member with this account, or else with this address, even if the member has left.

    If an account is given, a member found by address counts only if no other account is linked to it.
    """
    everybody = Member.objects.filter(of_class=of_class)
    if user is not None and (found := everybody.filter(user=user).first()):
        return found
    by_email = everybody.filter(email=email, user=None) if user is not None else everybody.filter(email=email)
    return by_email.first() if email else None


def member_named(of_class: Class, text: str, field: str) -> Member:
    """Returns the member with this confirmed address, login, registration number or key, even if the member has left.

    Raises:
        Refused: 422 beside the field, if the class has no such member, or several.
    """
    everybody = of_class.members.select_related("of_class", "user")
    confirmed = EmailAddress.objects.filter(email__iexact=text, verified=True).values("user")
    ways = Q(email=text.lower()) | Q(user__in=confirmed) | Q(login=text) | Q(registration_number=text)
    found = list(everybody.filter(ways)[:2])
    if not found and (key := whole_number(text)) is not None:
        found = list(everybody.filter(pk=key))
    if len(found) == 1:
        return found[0]
    several = _("Several members of the class are called “%(text)s”. Give the email address.")
    said = several if found else _("The class has no member “%(text)s”. Give the email address.")
    raise wrong(field, said % {"text": text}, "no_such_member")


def values_of(member: Member) -> dict[str, Any]:
    """Returns the editable values of a member, for the log of staff actions and for `version_of`."""
    labels = sorted(one.name for one in member.labels.all()) if member.pk else []
    fixed = {"user": member.user_id, "state": member.state, "learner_data": str(member.learner_data)}
    return {**fixed, "labels": labels, **{name: getattr(member, name) for name in PERSONAL}}


def _write(member: Member, personal: Mapping[str, str]) -> None:
    for name, value in personal.items():
        if name not in PERSONAL:
            raise ValueError(name)
        setattr(member, name, " ".join(value.split()))
    if member.user_id is None and not member.email:
        raise wrong("email", _("A member without an account needs an email address."))
    clean(member)
    member.save()


def note_member(member: Member, by: User | None, before: dict[str, Any]) -> None:
    after = values_of(member)
    if before == after:
        return
    details = {"class": member.of_class_id, "member": member.pk, "before": before, "after": after}
    staff.note(What.MEMBERS_CHANGED, member, by=by, **details)
    signals.changed.send(Class, of_class=member.of_class, members={member.pk})


def note_members(of_class: Class, by: User | None, about: object, **details: Any) -> None:
    """Writes one log entry about several members, such as for a roster. The caller sends `signals.changed`."""
    staff.note(What.MEMBERS_CHANGED, about, by=by, **{"class": of_class.pk}, **plain(details))
