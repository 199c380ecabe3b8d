"""The gradebook as values: its columns, its lines and what stands in a cell. Pages, the API and exports show these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.core.paginator import Page
from django.utils.translation import gettext_lazy as _

from gradus.gradebook import points
from gradus.gradebook.points import Counted, Total


class State(StrEnum):
    """What a cell tells. `held` is a final grade that its learner does not see yet."""

    NONE = "none"
    DRAFT = "draft"
    GRADING = "grading"
    WAITING = "waiting"
    FAILED = "failed"
    HELD = "held"
    GRADED = "graded"
    EXCUSED = "excused"
    OVERRIDDEN = "overridden"


NAMES = {
    State.NONE: _("Nothing yet"),
    State.DRAFT: _("Tried out"),
    State.GRADING: _("Being graded"),
    State.WAITING: _("Waits for a person"),
    State.FAILED: _("No grade"),
    State.HELD: _("Not released"),
    State.GRADED: _("Graded"),
    State.EXCUSED: _("Excused"),
    State.OVERRIDDEN: _("Overridden"),
}


@dataclass(frozen=True)
class Column:
    """A challenge of the class. `average` is the mean of the points of all learners who have a grade, or None.

    `graded` counts the learners with a grade, and `held` those of them who do not see it.
    """

    challenge: int
    slug: str
    title: str
    worth: Decimal
    average: Decimal | None = None
    graded: int = 0
    held: int = 0

    @property
    def seen(self) -> int:
        return self.graded - self.held


@dataclass(frozen=True)
class Person:
    """A learner of the class. `identity` is what the person is called in every list: the login, or else the address.

    `unconfirmed` is the address of an account that has not confirmed it. It is for people to read, and in no file.
    """

    member: int
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    login: str = ""
    registration_number: str = ""
    pseudonym: str = ""
    unconfirmed: str = ""
    role: str = "none"
    state: str = "active"
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email or self.login or self.pseudonym

    @property
    def identity(self) -> str:
        return self.login or self.email or self.registration_number or self.pseudonym


@dataclass(frozen=True)
class Cell:
    """One learner at one challenge.

    `raw` are the points before the credit for the date, and `computed` those with it; an override does not touch them.
    `points` count. `waits` tells that an attempt waits for a person beside a grade that is there already.
    """

    state: State = State.NONE
    points: Decimal | None = None
    computed: Decimal | None = None
    raw: Decimal | None = None
    score: Decimal | None = None
    credit: Decimal | None = None
    attempts: int = 0
    is_late: bool = False
    waits: bool = False
    is_shown: bool = True
    submitted_at: datetime | None = None
    due_at: datetime | None = None
    override: int | None = None
    reason: str = ""
    grader: str = ""
    version: str = ""

    @property
    def credit_percent(self) -> Decimal | None:
        return None if self.credit is None else self.credit * 100

    @property
    def tone(self) -> str:
        """How the page colours the state, beside its words."""
        return {State.GRADING: "busy", State.WAITING: "busy", State.FAILED: "warn"}.get(self.state, "")

    @property
    def is_excused(self) -> bool:
        return self.state == State.EXCUSED

    @property
    def name(self) -> str:
        return str(NAMES[self.state])


@dataclass(frozen=True)
class Line:
    person: Person
    cells: tuple[Cell, ...]
    total: Total


@dataclass(frozen=True)
class Table:
    """A gradebook, or a `page` of it. Lines have a cell for each column. `count` are the learners of all pages."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    count: int
    page: Page[Any] | None = None


def line(person: Person, cells: tuple[Cell, ...], columns: tuple[Column, ...]) -> Line:
    """Returns the line of a learner with its total."""
    counted = [Counted(cell.points, column.worth, cell.is_excused) for cell, column in zip(cells, columns, strict=True)]
    return Line(person, cells, points.total(counted))
