"""Recognises the columns of a roster: of Gradus' own CSV format, and of exports of Canvas and Moodle."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from gradus.classes.roster.faults import of_file
from gradus.classes.roster.reading import Table

OWN = ("login", "email", "registrationnumber", "firstname", "lastname", "labels", "role")
"""The headings of our own form, as `teaching.md` has them and a download writes them."""


class Field(StrEnum):
    LOGIN = "login"
    EMAIL = "email"
    NUMBER = "registration_number"
    FIRST = "first_name"
    LAST = "last_name"
    NAME = "name"
    LABELS = "labels"
    ROLE = "role"


class Form(StrEnum):
    """The format of a roster."""

    OWN = "own"
    CANVAS = "canvas"
    MOODLE = "moodle"
    ADDRESSES = "addresses"


IDENTIFIERS = (Field.EMAIL, Field.NUMBER, Field.LOGIN)
# Headings as `folded` returns them. Moodle translates its headings; these include the German ones.
HEADINGS = {
    Field.LOGIN: ("login", "loginname", "username", "netid", "sisloginid", "anmeldename"),
    Field.EMAIL: ("email", "emailaddress", "mail", "emailadresse"),
    Field.NUMBER: (
        "registrationnumber", "studentnumber", "studentid", "uin", "idnumber", "sisuserid", "matriculationnumber",
        "matrikelnummer", "idnummer",
    ),
    Field.FIRST: ("firstname", "givenname", "vorname"),
    Field.LAST: ("lastname", "surname", "familyname", "nachname"),
    Field.NAME: ("name", "fullname", "student", "vollstandigername"),
    Field.LABELS: ("labels", "label", "section", "sections", "group", "groups", "gruppe", "gruppen"),
    Field.ROLE: ("role", "roles"),
}  # fmt: skip
FIELDS = {heading: field for field, headings in HEADINGS.items() for heading in headings}
CANVAS = {"student", "id", "section"}
MOODLE = {"emailaddress", "emailadresse"}
SHOWN_MAX = 12


@dataclass(frozen=True)
class Columns:
    """The positions of the fields in a row. `headings` are the recognised ones, as written; `unread` are the others."""

    form: Form
    places: dict[Field, int]
    headings: dict[Field, str]
    unread: tuple[str, ...]
    width: int

    @property
    def labels_are_whole(self) -> bool:
        """Returns True if a row lists all labels of a person. An export of a platform lists only its own sections."""
        return self.form is Form.OWN and self.headings.get(Field.LABELS, "").casefold().startswith("label")


def folded(heading: str) -> str:
    """Returns a heading without case, spaces, punctuation and accents, for comparing headings."""
    plain = unicodedata.normalize("NFKD", heading.strip().lstrip("\ufeff")).casefold()
    return re.sub(r"[^a-z0-9]", "", plain)


def columns_of(table: Table) -> tuple[Columns, list[tuple[int, list[str]]]]:
    """Returns the columns of a table, and its rows without the row of headings.

    A list of addresses, one in each row, needs no headings.

    Raises:
        UnreadableRoster: there are no headings, a heading occurs twice, or no heading identifies a person.
    """
    number, first = table.rows[0]
    if all(_is_one_address(cells) for _number, cells in table.rows):
        places = {Field.EMAIL: next(place for place, cell in enumerate(first) if cell.strip())}
        return Columns(Form.ADDRESSES, places, {Field.EMAIL: "email"}, (), len(first)), table.rows
    if any("@" in cell for cell in first):
        cause = _("The first row holds a person and no headings.")
        raise of_file("no_headings", cause, _add_headings(), row=number)
    found = [(place, heading.strip(), FIELDS.get(folded(heading))) for place, heading in enumerate(first)]
    known = [(place, heading, field) for place, heading, field in found if field]
    _refuse_twice(number, known)
    columns = Columns(
        form=_form({folded(heading) for heading in first}),
        places={field: place for place, _heading, field in known},
        headings={field: heading for _place, heading, field in known},
        unread=tuple(heading for _place, heading, field in found if heading and not field),
        width=len(first),
    )
    if not columns.places.keys() & set(IDENTIFIERS):
        raise _nobody_is_identified(number, first)
    return columns, table.rows[1:]


def _is_one_address(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    return len(filled) == 1 and "@" in filled[0]


def _form(headings: set[str]) -> Form:
    if headings >= CANVAS:
        return Form.CANVAS
    return Form.MOODLE if headings & MOODLE else Form.OWN


def _refuse_twice(row: int, known: Sequence[tuple[int, str, Field]]) -> None:
    first: dict[Field, str] = {}
    for _place, heading, field in known:
        if field in first:
            cause = _("The columns “%(one)s” and “%(other)s” hold the same thing.")
            cure = _("Remove or rename one of them.")
            raise of_file(
                "column_twice", cause % {"one": first[field], "other": heading}, cure, row=row, column=heading
            )
        first[field] = heading


def _add_headings() -> str:
    said = _("Add a first row with the headings, such as %(headings)s.")
    return said % {"headings": ",".join(OWN)}


def _nobody_is_identified(row: int, first: Sequence[str]) -> Exception:
    shown = ", ".join(f"“{heading.strip()[:40]}”" for heading in first[:SHOWN_MAX] if heading.strip())
    cause = _("No column identifies a person. The headings are %(headings)s.") % {"headings": shown}
    cure = _("Name one column email, login or registrationnumber. If the first row is a person, add headings above it.")
    return of_file("no_identifier", cause, cure, row=row)
