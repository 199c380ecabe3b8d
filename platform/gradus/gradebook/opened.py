"""Reads what the page of a cell shows: the attempts of a learner at a challenge, and what people set there."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from gradus.classes.models import Class, Member
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.gradebook import points, queries
from gradus.gradebook.models import Cell as Stored
from gradus.gradebook.models import Override
from gradus.gradebook.schedules import OPEN, schedules
from gradus.gradebook.table import Cell, Column
from gradus.submissions.models import Evaluation, Submission


@dataclass(frozen=True)
class AttemptLine:
    """An attempt of a cell. `counts` tells the one that the grade is made of; `credit` is what its date earns today."""

    number: int
    submission: Submission
    state: str
    score: Decimal | None
    is_final: bool
    has_passed: bool
    credit: Decimal
    is_late: bool
    counts: bool

    @property
    def credit_percent(self) -> Decimal:
        return self.credit * 100


@dataclass(frozen=True)
class Opened:
    """What the page of a cell shows. Attempts and overrides come newest first."""

    column: Column
    cell: Cell
    attempts: tuple[AttemptLine, ...]
    history: tuple[Override, ...]


def cell_of(of_class: Class, member: Member, challenge: Challenge) -> Opened:
    """Returns a cell with the attempts behind it, and with everything that people ever set there."""
    columns = tuple(
        one for one in queries.columns_of(of_class, queries.learners(of_class)) if one.challenge == challenge.pk
    )
    cell = queries.cells_of(of_class, [member], columns, whole=True)[member.pk, challenge.pk]
    kept = Stored.objects.filter(member=member, challenge=challenge).first()
    overrides = Override.objects.filter(member=member, challenge=challenge).select_related("by", "ended_by")
    attempts = _attempts(of_class, member, challenge, kept.submission_id if kept else None)
    return Opened(columns[0], cell, attempts, tuple(overrides))


def _attempts(of_class: Class, member: Member, challenge: Challenge, counted: int | None) -> tuple[AttemptLine, ...]:
    if member.user_id is None:
        return ()
    rows = list(
        Evaluation.objects.filter(
            submission__of_class=of_class,
            submission__user=member.user_id,
            submission__challenge=challenge,
            is_current=True,
        )
        .select_related("submission__version", "score")
        .defer(*ChallengeVersion.content("submission__version"))
        .order_by("submission__created_at", "submission_id")
    )
    schedule = schedules([member], [challenge])[member.pk, challenge.pk] if rows else OPEN
    lines = []
    for number, row in enumerate(rows, 1):
        assert row.submission is not None
        at = row.submission.created_at
        score = getattr(row, "score", None)
        lines.append(
            AttemptLine(
                number=number,
                submission=row.submission,
                state=row.state,
                score=None if score is None else points.exact(score.shown),
                is_final=score is not None and not score.provisional,
                has_passed=score is not None and score.is_passed,
                credit=points.exact(schedule.credit(at)),
                is_late=schedule.is_late(at),
                counts=row.submission_id == counted,
            )
        )
    return tuple(reversed(lines))
