"""Computes, row by row, what applying a roster would change in a class. It does not access the database."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.accounts.token_rules import LearnerData
from gradus.classes.members import PERSONAL
from gradus.classes.models import Member
from gradus.classes.roster.faults import Fault
from gradus.classes.roster.people import Person, Roster


class Outcome(TextChoices):
    """The outcome of a row. A row that is wrong or matches nobody changes nothing."""

    ADD = "add", gettext_lazy("Add")
    BACK = "back", gettext_lazy("Bring back")
    CHANGE = "change", gettext_lazy("Change")
    REMOVE = "remove", gettext_lazy("Remove")
    NOT_FOUND = "not_found", gettext_lazy("Not found")
    WRONG = "wrong", gettext_lazy("Wrong")
    UNCHANGED = "unchanged", gettext_lazy("Unchanged")


WRITES = (Outcome.ADD, Outcome.BACK, Outcome.CHANGE, Outcome.REMOVE)


@dataclass(frozen=True)
class Known:
    """A present member. `addresses` are the member's own address and the confirmed ones of the account."""

    pk: int
    user: int | None
    is_active: bool
    role: LearnerData
    personal: Mapping[str, str]
    labels: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        full = f"{self.personal['first_name']} {self.personal['last_name']}".strip()
        return full or self.personal["email"] or self.personal["login"] or min(self.addresses, default="")


@dataclass(frozen=True)
class Step:
    """The outcome of a row, or of a member who is in no row; then `row` is None.

    `member` is the key of an existing member. `user` is the key of an account that becomes a new member, or that is
    linked to a member known by address. `before` and `after` have the fields that differ; labels are sorted by name.
    """

    outcome: Outcome
    row: int | None
    name: str
    member: int | None = None
    user: int | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    fault: Fault | None = None


@dataclass(frozen=True)
class Plan:
    """The changes of a roster in a class. `missing` are the names of active learners who are not in it and stay.

    If `sync_blocked` is true, nobody is removed, because a wrong row may be about a person who would be.
    """

    steps: tuple[Step, ...]
    sync: bool
    missing: tuple[str, ...] = ()
    new_labels: tuple[str, ...] = ()
    sync_blocked: bool = False

    @property
    def digest(self) -> str:
        """Returns a digest of this plan. A different digest means that the class or the roster has changed since."""
        rows = [(step.outcome, step.row, step.member, step.user, step.before, step.after) for step in self.steps]
        return hashlib.sha256(json.dumps([self.sync, rows], sort_keys=True).encode()).hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(step.outcome for step in self.steps)
        return {outcome.value: found[outcome] for outcome in Outcome}

    @property
    def writes(self) -> bool:
        return any(step.outcome in WRITES for step in self.steps)


def compare(
    roster: Roster, members: Iterable[Known], accounts: Mapping[str, int], *, sync: bool = False, by: int | None = None
) -> Plan:
    """Returns the changes that the roster would make.

    Args:
        members: All members of the class, including those who have left.
        accounts: The key of the account that has confirmed an address, for each address of the roster that has one.
        sync: Removes learners whom no row names, and labels that a row does not have. People who teach stay, because
            exports of other platforms do not list them.
        by: The key of the account that applies the roster, which cannot change that person's own role.
    """
    class_now = _ClassNow(members)
    steps = [_step(person, class_now, accounts, roster, sync, by) for person in roster.people]
    steps += [Step(Outcome.WRONG, fault.row, "", fault=fault) for fault in roster.faults]
    steps = sorted(_without_shared(steps), key=lambda step: step.row or 0)
    named = {step.member for step in steps}
    absent = [one for one in class_now.members if one.is_active and one.pk not in named]
    absent = [one for one in absent if one.role is LearnerData.NONE]
    blocked = sync and any(step.outcome in (Outcome.WRONG, Outcome.NOT_FOUND) for step in steps)
    removed = absent if sync and not blocked else []
    steps += [_removal(one) for one in removed]
    labels = {label.casefold() for one in class_now.members for label in one.labels}
    return Plan(
        steps=tuple(steps),
        sync=sync,
        missing=tuple(one.name for one in absent) if not removed else (),
        new_labels=tuple(label for label in roster.labels if label.casefold() not in labels),
        sync_blocked=blocked,
    )


class _ClassNow:
    def __init__(self, members: Iterable[Known]) -> None:
        self.members = list(members)
        self.by_value: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.by_user = {one.user: one.pk for one in self.members if one.user}
        self.by_key = {one.pk: one for one in self.members}
        for one in self.members:
            for address in one.addresses | {one.personal["email"]}:
                self.by_value["email", address].add(one.pk)
            for name in ("login", "registration_number"):
                self.by_value[name, one.personal[name].casefold()].add(one.pk)

    def found(self, person: Person, account: int | None) -> list[set[int]]:
        """Returns a set of member keys for each identifier of the row that matches at least one member."""
        sets = [
            self.by_value.get((name, value if name == "email" else value.casefold()), set())
            for name in ("email", "login", "registration_number")
            if (value := getattr(person, name))
        ]
        if account in self.by_user:
            sets.append({self.by_user[account]})
        return [keys for keys in sets if keys]


def _step(
    person: Person, now: _ClassNow, accounts: Mapping[str, int], roster: Roster, sync: bool, by: int | None
) -> Step:
    account = accounts.get(person.email)
    found = now.found(person, account)
    if not found and person.login_email:
        return _step(replace(person, email=person.login_email, login_email=""), now, accounts, roster, sync, by)
    if not found:
        return _addition(person, account) if person.email else _not_found(person)
    common = set.intersection(*found)
    if len(common) != 1:
        return _of_several(person, [now.by_key[key] for key in sorted(set.union(*found))], is_none=not common)
    known = now.by_key[common.pop()]
    if account is not None and known.user not in (None, account):
        cause = _("The address %(email)s belongs to another account than that of %(name)s, who is in the class.")
        cure = _("Write an address that the person has confirmed, or leave the cell empty.")
        return _wrong(person, "other_account", "email", cause % {"email": person.email, "name": known.name}, cure)
    before, after = _difference(person, known, roster, sync)
    if person.role is not None and "role" in after and known.user is not None and known.user == by:
        cause = _("This row would change your own role.")
        return _wrong(person, "own_role", "role", cause, _("Leave the cell empty, or ask somebody else to change it."))
    outcome = Outcome.CHANGE if after else Outcome.UNCHANGED
    user = account if known.user is None else None
    if not known.is_active:
        outcome, before["state"], after["state"] = Outcome.BACK, Member.State.LEFT, Member.State.ACTIVE
    elif user is not None:
        outcome = Outcome.CHANGE
    return Step(outcome, person.row, known.name, known.pk, user, before, after)


def _addition(person: Person, account: int | None) -> Step:
    after: dict[str, Any] = {name: value for name in PERSONAL if (value := getattr(person, name))}
    if person.role not in (None, LearnerData.NONE):
        after["role"] = str(person.role)
    if person.labels:
        after["labels"] = list(person.labels)
    return Step(Outcome.ADD, person.row, _name(person), None, account, {}, after)


def _not_found(person: Person) -> Step:
    cause = _("Nobody in the class has this login or registration number.")
    cure = _("Add the person's email address, or give the domain with which logins are addresses.")
    fault = Fault("not_found", person.row, "", cause, cure)
    return Step(Outcome.NOT_FOUND, person.row, _name(person), fault=fault)


def _of_several(person: Person, known: list[Known], *, is_none: bool) -> Step:
    names = ", ".join(one.name for one in known[:5])
    if is_none:
        cause = _("The row mixes people who are in the class: %(names)s.") % {"names": names}
        cure = _("Correct the address, the login or the registration number, so that all belong to one person.")
        return _wrong(person, "two_people", "", cause, cure)
    cause = _("Several people in the class could be meant: %(names)s.") % {"names": names}
    return _wrong(person, "ambiguous", "", cause, _("Add the email address of the one who is meant."))


def _wrong(person: Person, code: str, column: str, cause: str, cure: str) -> Step:
    return Step(Outcome.WRONG, person.row, _name(person), fault=Fault(code, person.row, column, cause, cure))


def _name(person: Person) -> str:
    return f"{person.first_name} {person.last_name}".strip() or person.shown


def _difference(person: Person, known: Known, roster: Roster, sync: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the fields of the member that change, before and after. An empty cell changes only a former role."""
    before, after = dict[str, Any](), dict[str, Any]()
    for name in PERSONAL:
        value = getattr(person, name)
        # A confirmed address of the account already identifies the person, so it need not be stored.
        same = value in known.addresses if name == "email" else value == known.personal[name]
        if value and not same:
            before[name], after[name] = known.personal[name], value
    # A member who returns gets the role of the row; an empty cell makes the member a learner.
    role = person.role or (known.role if known.is_active else LearnerData.NONE)
    if role != known.role:
        before["role"], after["role"] = str(known.role), str(role)
    labels = _labels(person, known, roster, sync)
    if labels != known.labels:
        before["labels"], after["labels"] = sorted(known.labels), sorted(labels)
    return before, after


def _labels(person: Person, known: Known, roster: Roster, sync: bool) -> frozenset[str]:
    """Returns the labels of the member after the change. Labels are removed only with `sync`."""
    own = {label.casefold(): label for label in person.labels}
    has = {label.casefold(): label for label in known.labels}
    kept = has
    if sync and roster.has_labels:
        theirs = has.keys() if roster.labels_are_whole else {label.casefold() for label in roster.labels}
        kept = {key: label for key, label in has.items() if key in own or key not in theirs}
    return frozenset({**own, **kept}.values())


def _removal(known: Known) -> Step:
    before, after = {"state": Member.State.ACTIVE.value}, {"state": Member.State.LEFT.value}
    return Step(Outcome.REMOVE, None, known.name, known.pk, None, before, after)


def _without_shared(steps: list[Step]) -> list[Step]:
    """Marks rows as wrong that are about the same person, such as two rows with addresses of one account."""
    by_person: dict[tuple[str, int | str], list[Step]] = defaultdict(list)
    for step in steps:
        if step.member is not None:
            by_person["member", step.member].append(step)
        if step.user is not None:
            by_person["user", step.user].append(step)
        if "email" in step.after:
            by_person["email", step.after["email"]].append(step)
    shared = {step.row: same for same in by_person.values() if len(same) > 1 for step in same}
    return [_same_person(step, shared[step.row]) if step.row in shared else step for step in steps]


def _same_person(step: Step, same: list[Step]) -> Step:
    rows = ", ".join(str(one.row) for one in same[:10])
    cause = _("Rows %(rows)s are about one person, who has both addresses or numbers.") % {"rows": rows}
    fault = Fault("same_person", step.row, "", cause, _("Keep one row for this person."))
    return Step(Outcome.WRONG, step.row, step.name, fault=fault)
