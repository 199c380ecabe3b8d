"""Puts a pseudonym in place of a person in the logs of what staff did, when the account is deleted.

Who did what stays as it was written, and so does what others did to the person, without the reasons that were given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from gradus.accounts.models import StaffAction, User
from gradus.accounts.triggers import ERASED
from gradus.classes.members import PERSONAL
from gradus.classes.models import Member
from gradus.reviews.models import Review
from gradus.submissions.models import Submission

FREE_TEXT = ("reason", "note", "comment", "answer", "withdrawn_reason")
LOADED = 500


@dataclass(frozen=True)
class Person:
    """What the logs may hold of a person. Addresses are replaced wherever they stand, names where they stand alone."""

    user: User
    addresses: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(cls, user: User) -> Person:
        members = list(Member.objects.filter(user=user))
        kept = [getattr(one, name) for one in members for name in ("login", "registration_number")]
        called = [(one.first_name, one.last_name) for one in members] + [(user.first_name, user.last_name)]
        full = [" ".join(both).strip() for both in called]
        addresses = {user.email, *own_addresses(user), *(one.email for one in members)} - {""}
        names = {user.pseudonym, user.username, *kept, *full} - {""}
        return cls(user, frozenset(map(str.lower, addresses)), frozenset(names))

    def words(self) -> Iterable[str]:
        return (*self.addresses, *self.names)

    def pattern(self) -> re.Pattern[str]:
        ways = [rf"(?<![\w.+-]){re.escape(one)}(?![\w-])" for one in sorted(self.addresses, key=len, reverse=True)]
        names = sorted(map(re.escape, self.names), key=len, reverse=True)
        # As the rows that the log is about are written: "Explain by Ada", "hidden: Ada at Explain", "role: Ada has".
        ways += [rf"(?:^|(?<=, )|(?<= by )|(?<=: ))(?:{'|'.join(names)})(?=$|, |: | has | at | \()"] if names else []
        return re.compile("|".join(ways), re.IGNORECASE)


def own_addresses(user: User) -> set[str]:
    """Returns the addresses of the account that belong to nobody else: confirmed ones, and those only it has named."""
    found = EmailAddress.objects.filter(user=user)
    others = EmailAddress.objects.exclude(user=user).values_list("email", flat=True)
    named = {one.email.lower() for one in found}
    taken = {one.lower() for one in others.filter(email__in=[one.email for one in found])}
    return {one.email.lower() for one in found if one.verified} | (named - taken)


def forget(person: Person, alias: str) -> None:
    """Rewrites the rows of both logs that name the person, within the transaction that deletes the account."""
    pattern = person.pattern()
    concerned = _concerned(person.user)
    rows = StaffAction.objects.annotate(as_text=Cast("details", TextField()))
    about = rows.filter(_names(person) | Q(user_id=person.user.pk) | concerned).order_by("pk")
    certain = set(StaffAction.objects.filter(concerned).values_list("pk", flat=True))
    for row in about.iterator(LOADED):
        before = (row.who, row.about, row.details)
        row.who, row.about = pattern.sub(alias, row.who), pattern.sub(alias, row.about)
        row.details = _without(row.details, pattern, alias, concerns=row.pk in certain)
        if before != (row.who, row.about, row.details):
            values = {"who": row.who, "about": row.about, "details": row.details}
            StaffAction.objects.filter(pk=row.pk).update(**values)
    _forget_forms(person, pattern, alias)


def _names(person: Person) -> Q:
    found = Q()
    for word in person.words():
        found |= Q(who__icontains=word) | Q(about__icontains=word) | Q(as_text__icontains=word)
        # SQLite keeps JSON with escaped letters.
        found |= Q(as_text__icontains=json.dumps(word)[1:-1])
    return found


def _concerned(user: User) -> Q:
    """Returns the condition for rows that are about the person, by the keys that services note."""
    own = Submission.objects.filter(user=user)
    found = Q(details__user=user.pk)
    found |= Q(details__member__in=list(Member.objects.filter(user=user).values_list("pk", flat=True)))
    found |= Q(details__submission__in=[str(one) for one in own.values_list("uuid", flat=True)])
    return found | Q(details__review__in=list(Review.objects.filter(submission__in=own).values_list("pk", flat=True)))


def _without(value: Any, pattern: re.Pattern[str], alias: str, *, concerns: bool) -> Any:
    """Returns details without the person: also the names that stand beside an address of hers."""
    if isinstance(value, dict):
        hers = concerns or any(isinstance(one, str) and pattern.fullmatch(one) for one in value.values())
        kept = {}
        for key, one in value.items():
            if hers and key in PERSONAL and one:
                kept[key] = ""
            elif concerns and key in FREE_TEXT and one:
                kept[key] = ERASED
            elif hers and key == "pseudonym":
                kept[key] = alias
            else:
                kept[key] = _without(one, pattern, alias, concerns=concerns)
        return kept
    if isinstance(value, list):
        return [_without(one, pattern, alias, concerns=concerns) for one in value]
    return pattern.sub(alias, value) if isinstance(value, str) else value


def _forget_forms(person: Person, pattern: re.Pattern[str], alias: str) -> None:
    """Rewrites what Django's admin notes of its forms, which names a row as it was called then."""
    named = Q()
    for word in person.words():
        named |= Q(object_repr__icontains=word) | Q(change_message__icontains=word)
        named |= Q(change_message__icontains=json.dumps(word)[1:-1])
    kind = ContentType.objects.get_for_model(User)
    for row in LogEntry.objects.filter(named | Q(content_type=kind, object_id=str(person.user.pk))):
        is_hers = row.content_type_id == kind.pk and row.object_id == str(person.user.pk)
        called = alias if is_hers else pattern.sub(alias, row.object_repr)
        LogEntry.objects.filter(pk=row.pk).update(object_repr=called, change_message="")
