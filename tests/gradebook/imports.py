"""Reads a file as Canvas and Moodle read an import of grades, after their rules in `teaching.md`.

Both are stricter than a CSV reader: what the real ones would refuse raises `Refused` here, and what they would leave
out without a word is left out here, too.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

REQUIRED = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
DROPPED = re.compile(r"current score|final score|final grade|override score", re.IGNORECASE)
KEY = re.compile(r"^(?P<title>.*\S)\s+\((?P<key>\d+)\)$")
Grade = Decimal | str | None


class Refused(Exception):
    """The other system would take nothing of this file."""


@dataclass(frozen=True)
class Known:
    """A person of the other system."""

    name: str
    sis: str = ""
    login: str = ""
    email: str = ""


@dataclass(frozen=True)
class Imported:
    """Grades by person and title, and what each title can give at most."""

    grades: dict[str, dict[str, Grade]]
    possible: dict[str, Decimal]


def rows_of(text: str) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise Refused("a row has another number of cells than the headings")
    return rows


def canvas(text: str, people: list[Known]) -> Imported:
    head, *rows = rows_of(text)
    if tuple(head[:5]) != REQUIRED:
        raise Refused(f"these are no headings of Canvas: {head[:5]}")
    titles: dict[int, str] = {}
    for place, title in enumerate(head[5:], 5):
        if DROPPED.search(title):
            continue
        found = KEY.match(title)
        name = found["title"] if found else title
        if name in titles.values():
            raise Refused(f"two assignments are called {name}")
        titles[place] = name
    possible: dict[str, Decimal] = {}
    if rows and "points possible" in rows[0][0].lower():
        possible = {name: number(rows[0][place]) for place, name in titles.items()}
        rows = rows[1:]
    grades: dict[str, dict[str, Grade]] = {}
    for row in rows:
        person = canvas_person(row, people)
        if person.name in grades:
            raise Refused(f"{person.name} stands there twice")
        grades[person.name] = {name: canvas_grade(row[place]) for place, name in titles.items()}
    return Imported(grades, possible)


def canvas_person(row: list[str], people: list[Known]) -> Known:
    _name, _key, sis, login, _section = row[:5]
    found = [one for one in people if (one.sis == sis if sis else one.login == login and login)]
    if len(found) != 1:
        raise Refused(f"Canvas asks who {row[:5]} is")
    return found[0]


def canvas_grade(cell: str) -> Grade:
    if cell in {"", "-"}:
        return None
    return "EX" if cell.upper() == "EX" else number(cell)


def moodle(text: str, people: list[Known], by: str = "email") -> Imported:
    """Maps `Email address` or `ID number` to people, and each title with its feedback to a grade item."""
    head, *rows = rows_of(text)
    column = head.index({"email": "Email address", "sis": "ID number"}[by])
    titles = {place: name for place, name in enumerate(head) if place > 1 and not name.endswith(" (feedback)")}
    if [name for place, name in enumerate(head) if place > 1 and place not in titles] != [
        f"{name} (feedback)" for name in titles.values()
    ]:
        raise Refused("each grade has its feedback beside it")
    grades: dict[str, dict[str, Grade]] = {}
    for row in rows:
        found = [one for one in people if row[column] and getattr(one, by).lower() == row[column].lower()]
        if len(found) != 1:
            raise Refused(f"Moodle does not know {row[column]!r}, and takes nothing")
        grades[found[0].name] = {
            name: None if not row[place].strip() else number(row[place]) for place, name in titles.items()
        }
    return Imported(grades, {})


def number(cell: str) -> Decimal:
    try:
        return Decimal(cell)
    except InvalidOperation as error:
        raise Refused(f"{cell!r} is no number") from error
