"""Reads the gradebook of a class. Pages, the API and exports all take `table`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from allauth.account.models import EmailAddress
from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum, prefetch_related_objects

from gradus.classes.models import Class, Member, ReleaseRule
from gradus.courses import catalogue
from gradus.courses.models import Challenge
from gradus.gradebook import points
from gradus.gradebook.models import Cell as Stored
from gradus.gradebook.models import Override, Weight
from gradus.gradebook.schedules import schedules
from gradus.gradebook.table import Cell, Column, Person, State, Table, line
from gradus.submissions.models import Evaluation, Run, Submission

PAGE = 50
SIZES = (50, 100)
# What of a cell is read, by the names that `_cell` uses.
READ = (
    "member_id", "challenge_id", "state", "score", "share", "raw_share", "credit", "attempts", "is_late", "waits",
    "submitted_at", "override_id", "override__kind", "override__value", "override__reason", "override__withheld",
)  # fmt: skip
# And what only the long export has.
READ_WHOLE = (*READ, "grader", "version__version")


@dataclass(frozen=True)
class Wanted:
    """Which learners: with this label, with these words in name, address or number, and also those who have left.

    `members` are keys, or None for everybody.
    """

    label: int | None = None
    search: str = ""
    left: bool = False
    members: tuple[int, ...] | None = None


EVERYBODY = Wanted()


def table(
    of_class: Class, wanted: Wanted = EVERYBODY, *, page: int | str | None = None, size: int = PAGE, whole: bool = False
) -> Table:
    """Returns the gradebook of a class, in a fixed number of queries.

    Args:
        page: The number of a page of `size` learners; the nearest one where there is no such page. None is all.
        whole: Also read what only the long export has: due dates, who graded, and the version of the challenge.
    """
    found = learners(of_class, wanted)
    chosen = None if page is None else Paginator(found, size).get_page(page)
    members = list(found if chosen is None else chosen)
    prefetch_related_objects(members, "labels", "user__emailaddress_set")
    # A search is for finding somebody: the averages stay those of the class.
    columns = columns_of(of_class, learners(of_class, replace(wanted, search="")))
    known = cells_of(of_class, members, columns, whole=whole)
    lines = []
    for member in members:
        person = person_of(member)
        lines.append(line(person, tuple(known[member.pk, column.challenge] for column in columns), columns))
    return Table(columns, tuple(lines), len(lines) if chosen is None else chosen.paginator.count, chosen)


def learners(of_class: Class, wanted: Wanted = EVERYBODY) -> QuerySet[Member]:
    """Returns the learners of a class, by name."""
    found = Member.objects.filter(of_class=of_class).learners().select_related("user", "of_class")
    if not wanted.left:
        found = found.active()
    if wanted.members is not None:
        found = found.filter(pk__in=wanted.members)
    if wanted.label is not None:
        found = found.filter(labels=wanted.label)
    return found.matching(wanted.search).by_name()


def identities(members: QuerySet[Member]) -> list[Person]:
    """Returns by what other systems know these members, without all that a page shows of them."""
    confirmed = EmailAddress.objects.filter(user=OuterRef("user"), email__iexact=OuterRef("user__email"), verified=True)
    own = Subquery(confirmed.values("email")[:1])
    rows = members.order_by().values_list("pk", "email", "login", "registration_number", own)
    return [
        Person(pk, email=email or (own or "").lower(), login=login, registration_number=number)
        for pk, email, login, number, own in rows
    ]


def person_of(member: Member) -> Person:
    known = member.known_address
    return Person(
        member=member.pk,
        first_name=member.first_name,
        last_name=member.last_name,
        email=known,
        unconfirmed="" if known else member.address,
        login=member.login,
        registration_number=member.registration_number,
        pseudonym=member.user.pseudonym if member.user else "",
        role=member.learner_data,
        state=member.state,
        labels=tuple(label.name for label in member.labels.all()),
    )


def challenges_of(of_class: Class, *, touched: bool = True) -> list[Challenge]:
    """Returns the challenges of a class: those of its course now and, with `touched`, others that it has grades of."""
    shown = catalogue.live().challenges.values()
    current = [one for one in shown if one.course_id == of_class.course_id]
    if not touched:
        return current
    graded = Stored.objects.of_class(of_class).exclude(state=State.NONE, override=None)
    gone = Challenge.objects.filter(pk__in=graded.values("challenge"), version__isnull=False)
    rest = gone.exclude(pk__in=[one.pk for one in current]).select_related("lesson", "version")
    return [*current, *rest.order_by("lesson__position", "position", "pk")]


def worths_of(of_class: Class) -> dict[int, Decimal]:
    """Returns how many points a challenge is worth, by its key, where the class says so."""
    return dict(Weight.objects.filter(of_class=of_class).values_list("challenge_id", "worth"))


def columns_of(of_class: Class, members: QuerySet[Member] | None = None) -> tuple[Column, ...]:
    """Returns the columns, with the averages of these members and who of them sees a grade, or without any."""
    worths = worths_of(of_class)
    averages = {} if members is None else _averages(of_class, members, worths)
    return tuple(column_of(one, worths, *averages.get(one.pk, (None, 0, 0))) for one in challenges_of(of_class))


def changing(of_class: Class) -> dict[int, int]:
    """Returns how many computed grades learners see of each challenge, by its key: other points change those."""
    seen = Stored.objects.of_class(of_class).filter(override=None, share__isnull=False).order_by()
    if _withheld(of_class).exists():
        seen = seen.exclude(submission__grade_withheld=True)
    members = learners(of_class, Wanted(left=True)).order_by().values("pk")
    return dict(seen.filter(member__in=members).values_list("challenge_id").annotate(Count("pk")))


def column_of(
    challenge: Challenge, worths: dict[int, Decimal], average: Decimal | None = None, graded: int = 0, held: int = 0
) -> Column:
    worth = worths.get(challenge.pk, points.WORTH)
    return Column(challenge.pk, challenge.slug, challenge.title, worth, average, graded, held)


def _averages(
    of_class: Class, members: QuerySet[Member], worths: dict[int, Decimal]
) -> dict[int, tuple[Decimal | None, int, int]]:
    """Returns the mean points, and the numbers of grades and of withheld ones, by challenge. Excused cells are none."""
    by_value, by_share = Q(override__kind=Override.Kind.VALUE), Q(override=None, share__isnull=False)
    held = by_value & Q(override__withheld=True)
    # To look at the attempt of each cell is slow, so it is left out where no attempt is withheld.
    if _withheld(of_class).exists():
        held |= by_share & Q(submission__grade_withheld=True)
    rows = (
        Stored.objects.of_class(of_class)
        .filter(member__in=members.order_by().values("pk"))
        .order_by()
        .values("challenge_id")
        .annotate(
            count=Count("pk", filter=by_value | by_share),
            held=Count("pk", filter=held),
            by_hand=Sum("override__value", filter=by_value),
            shares=Sum("share", filter=by_share),
        )
        .values_list("challenge_id", "count", "held", "by_hand", "shares")
    )
    found = {}
    for challenge, count, held_here, by_hand, shares in rows:
        worth = worths.get(challenge, points.WORTH)
        total = points.exact(by_hand or 0) + points.exact(shares or 0) * worth
        average = (total / count).quantize(points.CENT, ROUND_HALF_UP) if count else None
        found[challenge] = (average, count, held_here)
    return found


def released(of_class: Class, challenges: Iterable[int]) -> set[int]:
    """Returns the challenges, by their keys, whose grades learners see now by the rules of the class.

    It decides for cells without a grade; attempts and overrides know themselves whether they are withheld.
    """
    rules = {one.challenge_id: one for one in ReleaseRule.objects.filter(of_class=of_class)}
    found = {challenge: rules.get(challenge) or rules.get(None) for challenge in challenges}
    return {challenge for challenge, rule in found.items() if rule is None or not rule.withholds_grade()}


def withheld_overrides(of_class: Class, *, alone: bool = False) -> dict[int, int]:
    """Returns how many grades and excuses that a person has set learners do not see yet, by challenge.

    With `alone`, it counts only those that stand in place of no withheld final grade of the same learner.
    """
    found = Override.objects.open().of_class(of_class).filter(withheld=True).order_by()
    if alone:
        learner = {"submission__user": OuterRef("member__user"), "submission__challenge": OuterRef("challenge")}
        final = Evaluation.objects.filter(is_current=True, score__provisional=False, **learner)
        withheld = final.filter(submission__of_class=of_class, submission__grade_withheld=True)
        found = found.exclude(Exists(withheld))
    return dict(found.values("challenge").annotate(count=Count("pk")).values_list("challenge", "count"))


def count_held(of_class: Class, members: QuerySet[Member], columns: Iterable[Column]) -> int:
    """Returns how many grades and excuses of these members are not released."""
    set_by_hand = Q(override__withheld=True, challenge__in=[column.challenge for column in columns])
    is_computed = Q(override=None, share__isnull=False, submission__grade_withheld=True)
    computed = is_computed if _withheld(of_class).exists() else Q(pk=None)
    found = Stored.objects.filter(set_by_hand | computed, member__in=members.order_by().values("pk"))
    return found.count()


def _withheld(of_class: Class) -> QuerySet[Submission]:
    """Returns the attempts whose grade is withheld; they have an index."""
    return Submission.objects.filter(of_class=of_class, details_withheld=True, grade_withheld=True)


class Cells(dict[tuple[int, int], Cell]):
    """A cell for each learner and challenge; where nothing is kept, an empty one."""

    def __missing__(self, key: tuple[int, int]) -> Cell:
        return NOTHING


NOTHING = Cell()


def cells_of(of_class: Class, members: list[Member], columns: Collection[Column], *, whole: bool) -> Cells:
    worths = {column.challenge: column.worth for column in columns}
    shown = released(of_class, worths)
    stored = (
        Stored.objects.filter(member__in=members) if len(members) <= max(SIZES) else Stored.objects.of_class(of_class)
    )
    # To look at the attempt of each cell is slow, so it is left out where no attempt is withheld.
    withheld = _withheld(of_class).exists()
    names = (*(READ_WHOLE if whole else READ), *(["submission__grade_withheld"] if withheld else []))
    found = Cells()
    for row in stored.filter(challenge__in=worths).values_list(*names):
        values = dict(zip(names, row, strict=True))
        key = (values["member_id"], values["challenge_id"])
        found[key] = _cell(values, worths[key[1]], shown)
    _mark_drafts(found, members, worths)
    if whole:
        _add_dates(found, members, worths)
    return found


def _cell(values: dict[str, Any], worth: Decimal, shown: Collection[int]) -> Cell:
    share, raw, kind = values["share"], values["raw_share"], values["override__kind"]
    computed = None if share is None else points.points(share, worth)
    if kind is not None:
        is_shown = not values["override__withheld"]
    elif share is not None:
        is_shown = not values.get("submission__grade_withheld")
    else:
        is_shown = values["challenge_id"] in shown
    return Cell(
        state=_state(values["state"], kind, is_shown=is_shown),
        points={None: computed, Override.Kind.VALUE: values["override__value"]}.get(kind),
        computed=computed,
        raw=None if raw is None else points.points(raw, worth),
        score=values["score"],
        credit=values["credit"],
        attempts=values["attempts"],
        is_late=values["is_late"],
        waits=values["waits"],
        is_shown=is_shown,
        submitted_at=values["submitted_at"],
        override=values["override_id"],
        reason=values["override__reason"] or "",
        grader=values.get("grader", ""),
        version=values.get("version__version") or "",
    )


def _state(stored: str, kind: str | None, *, is_shown: bool) -> State:
    if kind is not None:
        return State.EXCUSED if kind == Override.Kind.EXCUSED else State.OVERRIDDEN
    return State.HELD if stored == State.GRADED and not is_shown else State(stored)


def _mark_drafts(found: Cells, members: Iterable[Member], challenges: Collection[int]) -> None:
    """Marks what learners have tried out on public samples, but not handed in."""
    by_user = {member.user_id: member.pk for member in members if member.user_id is not None}
    tried = Run.objects.trials().filter(user__in=by_user, version__challenge__in=challenges)
    for user, challenge in tried.order_by().values_list("user_id", "version__challenge_id").distinct():
        key = (by_user[user], challenge)
        if (cell := found[key]).state == State.NONE:
            found[key] = replace(cell, state=State.DRAFT)


def _add_dates(found: Cells, members: list[Member], challenges: Collection[int]) -> None:
    places = Challenge.objects.filter(pk__in=challenges).select_related("lesson")
    for key, schedule in schedules(members, places).items():
        if schedule.due_at is not None:
            found[key] = replace(found[key], due_at=schedule.due_at)
