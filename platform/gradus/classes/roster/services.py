"""Services that preview a roster, apply it to a class, and write the members of a class as a roster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import class_roles, membership, signals
from gradus.classes.changes import hold
from gradus.classes.members import PERSONAL, labels_named, note_members
from gradus.classes.models import Class, Managed, Member
from gradus.classes.roster.columns import OWN, Form
from gradus.classes.roster.comparison import WRITES, Known, Outcome, Plan, Step, compare
from gradus.classes.roster.people import Roster, roster_of
from gradus.classes.roster.reading import Table
from gradus.csv_files import text_of
from gradus.refusal import Refused

T = TypeVar("T")
# Databases limit the number of parameters of a statement.
BATCH = 500


def preview(of_class: Class, roster: Roster, *, by: User, sync: bool = False) -> Plan:
    """Returns the changes that the roster would make, without storing anything.

    Raises:
        Http404, Refused: 403, the person may not change the members of this class.
    """
    membership.refuse_unless(by, of_class, roles.DECIDES)
    return _plan(of_class, roster, by, sync)


@transaction.atomic
def apply(of_class: Class, roster: Roster, *, by: User, sync: bool = False, seen: str = "") -> Plan:
    """Applies all correct rows of a roster in one transaction. Returns the changes.

    Args:
        sync: Removes learners who are not in the roster. Their related rows are kept.
        seen: `Plan.digest` of the preview that the person saw. If it is empty, the present plan is applied.

    Raises:
        Http404, Refused: 403, the person may not; 409, `changed_meanwhile`: the plan has changed; 422,
            `roster_faults`: `sync` with a wrong row, which may be about a person who would be removed.
    """
    held = hold(of_class)
    membership.refuse_unless(by, held, roles.DECIDES)
    plan = _plan(held, roster, by, sync)
    if seen and seen != plan.digest:
        raise _changed()
    if plan.sync_blocked:
        raise _blocked(plan)
    _keep(held, plan)
    if plan.writes:
        try:
            with transaction.atomic():
                _write(held, plan, by, roster.form)
        except IntegrityError:
            # Since the plan was made, an account was deleted or an address was confirmed.
            raise _changed() from None
    return plan


def add_person(of_class: Class, cells: Mapping[str, str], *, by: User) -> Step:
    """Adds one person in the same way as a roster with one row. Returns the outcome.

    Args:
        cells: The texts of the cells, by the headings of Gradus' own format.

    Raises:
        Http404, Refused: 403, the person may not; 422, `roster_faults`: a cell is wrong; `problems` says why.
    """
    rows = [(1, list(OWN)), (2, [cells.get(name, "") for name in OWN])]
    plan = apply(of_class, roster_of(Table("utf-8", rows)), by=by)
    if faults := [step.fault for step in plan.steps if step.fault is not None]:
        raise Refused("roster_faults", str(faults[0]), 422, [fault.as_problem() for fault in faults])
    return plan.steps[0]


def _changed() -> Refused:
    said = _("The class has changed since this preview was made, so nothing was applied. Look at the new preview.")
    return Refused("changed_meanwhile", said, 409)


def _blocked(plan: Plan) -> Refused:
    said = _(
        "Some rows are wrong or find nobody, so it is not known who is missing, and nothing was applied. "
        "Correct these rows, or apply the roster without removing anybody."
    )
    return Refused("roster_faults", said, 422, [step.fault.as_problem() for step in plan.steps if step.fault][:100])


def _plan(of_class: Class, roster: Roster, by: User, sync: bool) -> Plan:
    addresses = {address for person in roster.people for address in (person.email, person.login_email)}
    accounts = _accounts(addresses - {""})
    return compare(roster, _members(of_class), accounts, sync=sync, by=by.pk)


def _accounts(addresses: Iterable[str]) -> dict[str, int]:
    """Returns the keys of the accounts that have confirmed these addresses, by address in lower case."""
    confirmed = EmailAddress.objects.filter(verified=True, user__is_guest=False).annotate(lower=Lower("email"))
    found: dict[str, int] = {}
    for some in _batches(sorted(addresses)):
        found |= dict(confirmed.filter(lower__in=some).order_by("-pk").values_list("lower", "user_id"))
    return found


def _confirmed(of_class: Class) -> dict[int | None, list[str]]:
    """Returns the confirmed addresses of each account in the class in lower case, with the primary address first."""
    found = EmailAddress.objects.filter(verified=True, user__memberships__of_class=of_class).order_by("-primary", "pk")
    addresses = defaultdict[int | None, list[str]](list)
    for user, email in found.values_list("user_id", "email"):
        addresses[user].append(email.lower())
    return addresses


def _members(of_class: Class) -> Iterator[Known]:
    confirmed = _confirmed(of_class)
    for one in Member.objects.filter(of_class=of_class).prefetch_related("labels").order_by("pk"):
        yield Known(
            pk=one.pk,
            user=one.user_id,
            is_active=one.is_active,
            role=LearnerData(one.learner_data),
            personal={name: getattr(one, name) for name in PERSONAL},
            labels=frozenset(label.name for label in one.labels.all()),
            addresses=frozenset({*confirmed.get(one.user_id, ()), one.email} - {""}),
        )


def _write(held: Class, plan: Plan, by: User, form: Form) -> None:
    """Writes the plan with bulk statements of a few hundred members each. Needs `hold`."""
    steps = [step for step in plan.steps if step.outcome in WRITES]
    known = Member.objects.in_bulk([step.member for step in steps if step.member is not None])
    changed = [(_changed_member(known[step.member], step), step) for step in steps if step.member is not None]
    new = [step for step in steps if step.member is None]
    added = [(_changed_member(Member(of_class=held, joined_via=Member.Via.ROSTER), step), step) for step in new]
    if fields := {name for step in steps if step.member for name in _fields(step)}:
        Member.objects.bulk_update([member for member, _step in changed], sorted(fields), batch_size=BATCH)
    Member.objects.bulk_create([member for member, _step in added], batch_size=BATCH)
    of_steps = [*changed, *added]
    _write_labels(held, of_steps)
    note_members(held, by, held, roster=_details(of_steps), sync=plan.sync, form=form)
    signals.changed.send(Class, of_class=held, members={member.pk for member, _step in of_steps})


def _keep(held: Class, plan: Plan) -> None:
    """Whoever stands in a roster stays in the class, also when a provider of sign-in says so no longer."""
    listed = {step.member for step in plan.steps if step.outcome in (Outcome.BACK, Outcome.CHANGE, Outcome.UNCHANGED)}
    made = Managed.objects.filter(member__of_class=held, made_member=True)
    Managed.objects.filter(pk__in=[one.pk for one in made if one.member_id in listed]).update(made_member=False)


def _fields(step: Step) -> set[str]:
    """Returns the names of the columns of a member's row that the step changes."""
    columns = {"role": ["learner_data"], "state": ["state", "left_at"], "labels": []}
    found = {column for name in step.after for column in columns.get(name, [name])}
    return found | ({"user"} if step.user is not None else set())


def _changed_member(member: Member, step: Step) -> Member:
    for name in PERSONAL:
        setattr(member, name, step.after.get(name, getattr(member, name)))
    member.learner_data = step.after.get("role", member.learner_data)
    member.user_id = step.user or member.user_id
    member.state = step.after.get("state", member.state)
    member.left_at = None if member.is_active else member.left_at or timezone.now()
    return member


def _write_labels(held: Class, of_steps: list[tuple[Member, Step]]) -> None:
    labels_named(held, sorted({label for _member, step in of_steps for label in step.after.get("labels", ())}))
    keys = {label.name.casefold(): label.pk for label in held.labels.all()}
    through = Member.labels.through
    new, old = list[Any](), defaultdict[int, list[int]](list)
    for member, step in of_steps:
        before, after = ({label.casefold() for label in side.get("labels", ())} for side in (step.before, step.after))
        new += [through(member_id=member.pk, label_id=keys[name]) for name in sorted(after - before)]
        for name in before - after:
            old[keys[name]].append(member.pk)
    for label, members in old.items():
        for some in _batches(members):
            through._default_manager.filter(label=label, member__in=some).delete()
    through._default_manager.bulk_create(new, batch_size=BATCH)


def _batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def _details(of_steps: list[tuple[Member, Step]]) -> list[dict[str, Any]]:
    """Returns the details for the log of staff actions: each member's key, with the values before and after."""
    return [
        {"member": member.pk, "outcome": step.outcome, "before": step.before, "after": step.after}
        for member, step in of_steps
    ]


def as_csv(of_class: Class) -> str:
    """Returns the active members as CSV in Gradus' own format, which can be edited and applied again.

    A cell that a spreadsheet would read as a formula gets an apostrophe, which `parse` removes again.
    """
    rows: list[Sequence[str]] = [OWN]
    confirmed = _confirmed(of_class)
    found = Member.objects.active().filter(of_class=of_class).prefetch_related("labels")
    for one in found.by_name():
        # If the roster gave no address, only a confirmed address of the account would match the member again.
        email = one.email or next(iter(confirmed.get(one.user_id, ())), "")
        labels = _labels(one)
        role = class_roles.NAMES[one.learner_data]
        rows.append((one.login, email, one.registration_number, one.first_name, one.last_name, labels, role))
    return text_of(rows)


def _labels(member: Member) -> str:
    names = sorted((label.name for label in member.labels.all()), key=str.casefold)
    return "; ".join(names) + (";" if len(names) == 1 and "," in names[0] else "")
