"""Writes a gradebook as CSV: for Canvas, for Moodle, as a wide table, and as a long one.

Canvas and Moodle get released grades only, because importing them may show them to learners. The other two have all
grades, each with its state. What would go wrong in the other system is told in `notes`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus.classes.class_roles import NAMES
from gradus.csv_files import neutral, text_of
from gradus.gradebook.table import Cell, Column, Person, State, Table

# Canvas takes columns whose titles contain one of these for its own totals, and drops them.
DROPPED_BY_CANVAS = ("Current Score", "Final Score", "Final Grade", "Override Score")
# And a number in brackets at the end for the key of an assignment.
ASSIGNMENT_KEY = re.compile(r"\(\d+\)\s*$")
UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Written:
    """A file, and what the person who takes it to another system has to know."""

    text: str
    notes: tuple[str, ...] = ()


def write(table: Table, format: str, zone: ZoneInfo = UTC, sections: Collection[str] = ()) -> Written:
    """Returns the whole table in a format of `FORMATS`.

    Args:
        zone: Times are those of this zone.
        sections: The labels that Canvas gets as sections. Labels may be private, so by default it gets none.

    Raises:
        KeyError: there is no such format.
    """
    cells = (cell for line in table.lines for cell in line.cells)
    held = sum((cell.points is not None or cell.is_excused) and not cell.is_shown for cell in cells)
    told = notes(format, table.columns, (line.person for line in table.lines), held)
    text = canvas(table, zone, sections) if format == "canvas" else FORMATS[format](table, zone)
    return Written(text, told)


def canvas(table: Table, _zone: ZoneInfo, sections: Collection[str] = ()) -> str:
    """Canvas finds people by SIS User ID or SIS Login ID, and an assignment by its exact title."""
    titles = unique_titles(table.columns)
    kept = [line for line in table.lines if known_in("canvas", line.person)]
    rows: list[Sequence[str]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles],
        ["    Points Possible", "", "", "", "", *(_number(column.worth) for column in table.columns)],
    ]
    for line in kept:
        one = line.person
        name = f"{one.last_name}, {one.first_name}" if one.last_name and one.first_name else one.name
        section = ", ".join(label for label in one.labels if label in sections)
        cells = ("EX" if cell.is_excused and cell.is_shown else _released(cell) for cell in line.cells)
        rows.append([name, "", one.registration_number, one.login or one.email, section, *cells])
    return text_of(rows)


def moodle(table: Table, _zone: ZoneInfo) -> str:
    """Moodle stops at the first person that it does not know, and at the first grade that is not a number."""
    titles = unique_titles(table.columns)
    kept = [line for line in table.lines if known_in("moodle", line.person)]
    headings = [name for title in titles for name in (title, f"{title} (feedback)")]
    rows: list[Sequence[str]] = [["Email address", "ID number", *headings]]
    for line in kept:
        cells = [text for cell in line.cells for text in (_released(cell), _feedback(cell))]
        rows.append([line.person.email, line.person.registration_number, *cells])
    return text_of(rows)


def wide(table: Table, _zone: ZoneInfo) -> str:
    """A line for each learner. A cell without a grade is empty, and an excused one is `EX`."""
    head = ["UID", "Name", "UIN", "Role", "Enrollment", "Labels"]
    rows: list[Sequence[str]] = [[*head, *unique_titles(table.columns), "Total", "Total possible"]]
    for line in table.lines:
        one = line.person
        known = [
            one.identity,
            one.name,
            one.registration_number,
            NAMES[one.role],
            one.state,
            "; ".join(one.labels),
        ]
        cells = ("EX" if cell.is_excused else _number(cell.points) for cell in line.cells)
        rows.append([*known, *cells, _number(line.total.points), _number(line.total.possible)])
    return text_of(rows)


def long(table: Table, zone: ZoneInfo) -> str:
    """A line for each learner and challenge, in the columns of nbgrader and four more."""
    rows: list[Sequence[str]] = [LONG]
    for line in table.lines:
        one = line.person
        for column, cell in zip(table.columns, line.cells, strict=True):
            who = [one.registration_number or one.identity, one.last_name, one.first_name, one.email]
            when = [_time(cell.due_at, zone), _time(cell.submitted_at, zone)]
            penalty = None if cell.raw is None or cell.computed is None else cell.raw - cell.computed
            figures = [_number(cell.raw), _number(penalty), _number(cell.points), _number(column.worth)]
            rows.append([column.slug, *when, *who, *figures, _status(cell), cell.reason, cell.grader, cell.version])
    return text_of(rows)


LONG = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score", "status", "override_reason", "grader", "version",
)  # fmt: skip
FORMATS: dict[str, Callable[[Table, ZoneInfo], str]] = {
    "canvas": canvas,
    "moodle": moodle,
    "wide": wide,
    "long": long,
}


def unique_titles(columns: Iterable[Column]) -> list[str]:
    """Returns the titles of the challenges; of two with one title, each has its address in brackets."""
    columns = list(columns)
    count = Counter(column.title for column in columns)
    return [f"{column.title} [{column.slug}]" if count[column.title] > 1 else column.title for column in columns]


def _number(value: Decimal | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _time(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else at.astimezone(zone).isoformat(sep=" ", timespec="seconds")


def _released(cell: Cell) -> str:
    return _number(cell.points) if cell.is_shown else ""


def _feedback(cell: Cell) -> str:
    """Returns what Moodle shows to the learner beside the grade."""
    if not cell.is_shown:
        return ""
    if cell.is_excused:
        return _("Excused")
    if cell.state == State.OVERRIDDEN:
        return _("Set by a person")
    return _("Late") if cell.is_late and cell.points is not None else ""


def _status(cell: Cell) -> str:
    return f"{cell.state} late" if cell.is_late else str(cell.state)


def known_in(format: str, person: Person) -> bool:
    """Returns True if the other system can find the person.

    It cannot find one whose address or number has to be neutralised.
    """
    ways = {
        "canvas": person.registration_number or person.login or person.email,
        "moodle": person.email or person.registration_number,
    }
    found = ways.get(format, person.identity)
    return bool(found) and neutral(found) == found


def notes(format: str, columns: Sequence[Column], people: Iterable[Person], held: int) -> tuple[str, ...]:
    """Returns what a file leaves out, and what the other system will do with it. `held` grades are not released."""
    if format not in TO_OTHER_SYSTEMS:
        return ()
    unknown = sum(not known_in(format, person) for person in people)
    told = []
    if unknown:
        said = ngettext(
            "%(count)d learner is left out, who has no address, login or number that the other system could know.",
            "%(count)d learners are left out, who have no address, login or number that the other system could know.",
            unknown,
        )
        told.append(said % {"count": unknown})
    if held:
        said = ngettext(
            "%(count)d grade is left out, because it is not released yet.",
            "%(count)d grades are left out, because they are not released yet.",
            held,
        )
        told.append(said % {"count": held})
        told += [
            _("%(title)s: %(seen)d of %(graded)d released.")
            % {"title": column.title, "seen": column.seen, "graded": column.graded}
            for column in columns
            if column.held
        ]
    return (*told, *(_titles_for_canvas(unique_titles(columns)) if format == "canvas" else ()))


TO_OTHER_SYSTEMS = ("canvas", "moodle")


def _titles_for_canvas(titles: Iterable[str]) -> list[str]:
    notes = []
    for title in titles:
        if found := next((words for words in DROPPED_BY_CANVAS if words.lower() in title.lower()), None):
            said = _("Canvas leaves out the column “%(title)s”, because its title contains “%(words)s”.")
            notes.append(said % {"title": title, "words": found})
        if ASSIGNMENT_KEY.search(title):
            said = _("Canvas takes the number at the end of “%(title)s” for the key of an assignment.")
            notes.append(said % {"title": title})
        if neutral(title) != title:
            said = _("“%(title)s” begins with an apostrophe in the file, so that no spreadsheet executes it.")
            notes.append(said % {"title": title})
    return notes
