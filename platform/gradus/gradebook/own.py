"""What learners see of their own grades in a class: what is released, and nothing that another grade would change.

It is computed from released attempts alone, and not from the kept cells. Of a withheld attempt that is better than a
released one, a cell would tell by going away.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.shortcuts import get_object_or_404

from gradus.accounts.models import User
from gradus.classes import access
from gradus.classes.models import Class, Member
from gradus.gradebook import cells, points, queries
from gradus.gradebook.models import Override
from gradus.gradebook.points import Counted, Total
from gradus.gradebook.schedules import schedules
from gradus.gradebook.table import Cell, Column, State
from gradus.submissions.models import Submission


@dataclass(frozen=True)
class OwnGrades:
    """The challenges with a cell each, and the total.

    These are the challenges that the learner can see by the dates of the class, has tried or has a grade at: a later
    opening takes no grade away that was seen.
    """

    rows: tuple[tuple[Column, Cell], ...]
    total: Total


def member_of(user: User | AnonymousUser, of_class: Class) -> Member:
    """Returns the row of a person who learns in the class or has learned there: who left keeps the own grades.

    Raises:
        Http404: the person never learned in the class.
    """
    rows = Member.objects.learners().select_related("of_class__course")
    return get_object_or_404(rows, of_class=of_class, user=user.pk, user__isnull=False)


def grades_of(member: Member) -> OwnGrades:
    """Returns what a learner sees of the own grades, with a fixed number of queries."""
    of_class = member.of_class
    places = queries.challenges_of(of_class, touched=False)
    decided = access.decisions_for(member.user, places, member=member)
    set_by_hand = {one.challenge_id: one for one in Override.objects.open().filter(member=member, withheld=False)}
    own = Submission.objects.filter(of_class=of_class, user=member.user_id).order_by()
    known = {*set_by_hand, *own.values_list("challenge_id", flat=True).distinct()}
    places = [place for place in places if decided[place].sees or place.pk in known]
    worths = queries.worths_of(of_class)
    columns = [queries.column_of(place, worths) for place in places]
    by_user = {member.user_id: member} if member.user_id is not None else {}
    dates, scheme = schedules([member], places), cells.scheme_of(of_class)
    attempts = cells.attempts_of(of_class, by_user, dates, only_released=True)
    rows = []
    for column in columns:
        key = (member.pk, column.challenge)
        values = cells.values_of(attempts[key], scheme, cells.credit_by(dates[key]), dates[key].is_late)
        rows.append((column, _cell(column, values, set_by_hand.get(column.challenge))))
    counted = [Counted(cell.points, column.worth, cell.is_excused) for column, cell in rows]
    return OwnGrades(tuple(rows), points.total(counted))


def _cell(column: Column, values: dict[str, object], override: Override | None) -> Cell:
    """Returns the cell without who set a grade and why, which is for the people who teach."""
    if override is not None:
        is_value = override.kind == Override.Kind.VALUE
        return Cell(state=State.OVERRIDDEN if is_value else State.EXCUSED, points=override.value)
    if values["state"] != State.GRADED:
        return Cell()
    share = points.exact(values["share"])
    return Cell(
        state=State.GRADED,
        points=points.points(share, column.worth),
        score=points.exact(values["score"]),
        credit=points.exact(values["credit"]),
        is_late=bool(values["is_late"]),
    )
