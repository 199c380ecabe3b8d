"""Gives a person the places in classes that a provider of sign-in or a learning platform says, at each log-in.

What a source gave is marked in `Managed`, so that it ends when the source says it no longer. What people gave stays: a
membership, a label, a higher role. A member whom people removed stays out for as long as the source says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData, rank
from gradus.classes import members, signals
from gradus.classes.changes import clean, hold
from gradus.classes.models import Class, Label, Managed, Member


@dataclass(frozen=True)
class Place:
    """A person's role and labels in the class with the key `of_class`, and the name there; an empty one is unknown."""

    of_class: int
    learner_data: LearnerData = LearnerData.NONE
    labels: tuple[str, ...] = ()
    first_name: str = ""
    last_name: str = ""


def follow(user: User, source: str, places: Iterable[Place]) -> None:
    """Gives the person these places in place of all that the source gave before.

    Of several places in one class, the highest role counts, and all labels. Classes that are over, or that do not
    exist, stay as they are.
    """
    wanted: dict[int, Place] = {}
    for one in places:
        other = wanted.get(one.of_class, one)
        level = max(one.learner_data, other.learner_data, key=rank)
        wanted[one.of_class] = Place(one.of_class, level, tuple(dict.fromkeys((*other.labels, *one.labels))))
    given = Managed.objects.filter(member__user=user, source=source).values_list("member__of_class", flat=True)
    known = set(Class.objects.filter(pk__in=[*wanted, *given]).values_list("pk", flat=True))
    with transaction.atomic():
        # In the order of their keys, in which other services lock several classes, too.
        for key in sorted(known):
            follow_one(user, source, key, wanted.get(key))


@transaction.atomic
def follow_one(
    user: User, source: str, of_class: int, place: Place | None, *, rules: bool = False, returns: bool = False
) -> None:
    """Gives the person this place in one class, or ends what the source gave there.

    Args:
        rules: True if the source's role takes the place of one that people gave, also in a class that is over.
        returns: True if a member whom people removed is in the class again.
    """
    held = hold(of_class)
    if user.is_guest or (held.is_over() and not rules):
        return
    member = Member.objects.filter(of_class=held, user=user).first()
    row = Managed.objects.filter(member=member, source=source).first() if member else None
    was_removed = not returns and member is not None and not member.is_active and member.managed.exists()
    if row is None if place is None else was_removed:
        return
    before = members.values_of(member) if member else {}
    if place is None:
        assert member is not None and row is not None
        _end(member, row)
    else:
        member, row = _begin(held, user, source, member, row)
        if rules:
            member.managed.update(own_learner_data=LearnerData.NONE)
        else:
            _own_role(member)
        _set_labels(member, row, place)
        _set_names(member, place)
        row.learner_data, row.changed_at = place.learner_data, timezone.now()
        row.save(update_fields=["learner_data", "changed_at"])
    _set_role(member)
    _note(member, source, before)


def _begin(held: Class, user: User, source: str, member: Member | None, row: Managed | None) -> tuple[Member, Managed]:
    """Returns the active member and the row of this source, which both may be new."""
    made = member is None or not member.is_active
    if member is None:
        member = Member(of_class=held, user=user, joined_via=Member.Via.ROSTER)
    if made:
        # Whoever comes back gets the role that is given now.
        member.state, member.left_at, member.learner_data = Member.State.ACTIVE, None, LearnerData.NONE
        member.save()
    if row is not None:
        return member, row
    other = member.managed.first()
    own = other.own_learner_data if other else member.learner_data
    first = {"own_learner_data": own, "made_member": other.made_member if other else made}
    return member, Managed.objects.create(member=member, source=source, **first)


def _given(member: Member) -> list[LearnerData]:
    return [LearnerData(level) for level in member.managed.values_list("learner_data", flat=True)]


def _own_role(member: Member) -> None:
    """Takes a role that people have changed in the meantime for the one that they give the member."""
    row = member.managed.first()
    if row is None:
        return
    counted = max(LearnerData(row.own_learner_data), *_given(member), key=rank)
    if counted != member.learner_data:
        member.managed.update(own_learner_data=member.learner_data)


def _set_role(member: Member) -> None:
    row = member.managed.first()
    if row is not None:
        level = max(LearnerData(row.own_learner_data), *_given(member), key=rank)
        if level != member.learner_data:
            member.learner_data = level
            member.save(update_fields=["learner_data"])


def _set_labels(member: Member, row: Managed, place: Place) -> None:
    wanted = members.labels_named(member.of_class, place.labels)
    has = set(member.labels.values_list("pk", flat=True))
    by_sources = set(_labels_of_sources(member))
    given = [label for label in wanted if label.pk not in has or label.pk in by_sources]
    gone = [label for label in row.labels.all() if label not in wanted]
    row.labels.set(given)
    member.labels.add(*given)
    _drop(member, gone)


def _set_names(member: Member, place: Place) -> None:
    given = {"first_name": place.first_name, "last_name": place.last_name}
    changed = {name: text for name, text in given.items() if text and getattr(member, name) != text}
    if changed:
        for name, text in changed.items():
            setattr(member, name, text)
        clean(member)
        member.save(update_fields=list(changed))


def _labels_of_sources(member: Member) -> Iterable[int]:
    return Managed.labels.through._default_manager.filter(managed__member=member).values_list("label", flat=True)


def _drop(member: Member, gone: list[Label]) -> None:
    """Takes these labels from the member, except those that another source still gives."""
    still = set(_labels_of_sources(member))
    member.labels.remove(*[label for label in gone if label.pk not in still])


def _end(member: Member, row: Managed) -> None:
    _own_role(member)
    row.refresh_from_db()
    gone = list(row.labels.all())
    row.delete()
    _drop(member, gone)
    if member.managed.exists():
        return
    member.learner_data = row.own_learner_data
    if row.made_member and member.is_active:
        member.state, member.left_at = Member.State.LEFT, timezone.now()
    member.save(update_fields=["learner_data", "state", "left_at"])


def _note(member: Member, source: str, before: dict[str, Any]) -> None:
    after = members.values_of(member)
    if before == after:
        return
    details: dict[str, Any] = {
        "class": member.of_class_id,
        "member": member.pk,
        "before": before,
        "after": after,
        "source": source,
    }
    staff.note(StaffAction.What.MEMBERS_CHANGED, member, **details)
    signals.changed.send(Class, of_class=member.of_class, members={member.pk})
