"""Parses the rows of a roster into people, and reports a mistake for each row that cannot be used."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from challenges.characters import REPLACED, UNSEEN, broken
from gradus.accounts.addresses import EMAIL_CHARS, is_address
from gradus.accounts.token_rules import LearnerData
from gradus.classes.models import LABEL_CHARS, NAME_CHARS
from gradus.classes.roster.columns import IDENTIFIERS, Columns, Field, Form, columns_of
from gradus.classes.roster.faults import Fault, of_file
from gradus.classes.roster.reading import Table, read
from gradus.csv_files import NEUTRALISED, is_formula

# The maximum numbers of labels of a person and of a roster. More of them usually mean a wrong column.
LABELS_MAX, ALL_LABELS_MAX = 20, 100
LABELS_CHARS = LABELS_MAX * (LABEL_CHARS + 2)
ROLES = {
    "learner": LearnerData.NONE, "student": LearnerData.NONE, "participant": LearnerData.NONE,
    "none": LearnerData.NONE, "assistant": LearnerData.VIEWER, "ta": LearnerData.VIEWER,
    "teachingassistant": LearnerData.VIEWER, "noneditingteacher": LearnerData.VIEWER,
    "viewer": LearnerData.VIEWER, "instructor": LearnerData.EDITOR, "teacher": LearnerData.EDITOR,
    "editor": LearnerData.EDITOR,
}  # fmt: skip
# Spreadsheets write digits as text in this form.
TEXT_FORMULA = re.compile(r'="([^"=]*)"')
ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)
SPREADSHEET_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!)", re.IGNORECASE)
# Texts that exports write into empty cells. They are allowed in names, because there are people called Null.
NOTHING, NAMES = ("n/a", "null"), (Field.FIRST, Field.LAST, Field.NAME)
POINTS_POSSIBLE = "pointspossible"
TEST_STUDENT = "Student, Test"


@dataclass(frozen=True, slots=True)
class Person:
    """The person of a row. Empty cells are "", () or None; texts are in Unicode's form NFC.

    `login_email` is the login with the given domain. It is the address if nothing else in the row matches a member.
    """

    row: int
    email: str = ""
    login: str = ""
    registration_number: str = ""
    first_name: str = ""
    last_name: str = ""
    labels: tuple[str, ...] = ()
    role: LearnerData | None = None
    login_email: str = ""

    @property
    def shown(self) -> str:
        """Returns a name for messages: the email address, or else another identifier of the person."""
        return self.email or self.registration_number or self.login


@dataclass(frozen=True)
class Roster:
    """The content of a file. Rows with `faults` are not among the people; `skipped` rows are not about a person.

    `labels` are all labels in the file. `labels_are_whole` is False if a person can have other labels that the file
    does not list. `has_labels` is False if the file has no column for labels.
    """

    form: Form
    encoding: str
    people: tuple[Person, ...]
    faults: tuple[Fault, ...] = ()
    skipped: tuple[int, ...] = ()
    unread: tuple[str, ...] = ()
    has_labels: bool = False
    labels_are_whole: bool = False
    labels: tuple[str, ...] = field(default=())


def parse(data: bytes, domain: str = "", encoding: str = "") -> Roster:
    """Reads a roster.

    Args:
        domain: Such as `example.org`. New people without an address get their login at this domain as address.
        encoding: One of `reading.ENCODINGS`; empty: as the bytes say.

    Raises:
        UnreadableRoster: the file as a whole cannot be used.
    """
    domain = domain.strip().lstrip("@").lower()
    if domain and not is_address(f"a@{domain}"):
        raise of_file("bad_domain", _("This is not a domain of email addresses."), _("Write it like example.org."))
    return roster_of(read(data, encoding), domain)


def roster_of(table: Table, domain: str = "") -> Roster:
    """Returns the people and the mistakes of a table. Arguments and errors are those of `parse`."""
    columns, rows = columns_of(table)
    people, faults, skipped = list[Person](), list[Fault](), list[int]()
    whole_cells = _whole_cells(rows, columns)
    for number, cells in rows:
        if columns.form is Form.CANVAS and _is_nobody(cells, columns):
            skipped.append(number)
            continue
        found = _person(number, cells, columns, whole_cells, domain)
        faults += found if isinstance(found, list) else []
        people += [found] if isinstance(found, Person) else []
    if not people and not faults:
        raise of_file("nobody", _("The file has headings, but no person."), _("Add a row for each person."))
    people, twice = without_repeated(people, columns.headings)
    faults = sorted([*faults, *twice], key=lambda fault: fault.row or 0)
    labels = {label.casefold(): label for person in reversed(people) for label in reversed(person.labels)}
    if len(labels) > ALL_LABELS_MAX:
        cause = _("The roster names %(count)d labels; %(most)d are allowed.")
        cure = _("Check whether this is the right column. A label marks many people, as of a section.")
        counts = {"count": len(labels), "most": ALL_LABELS_MAX}
        raise of_file("too_many_labels", cause % counts, cure, column=columns.headings[Field.LABELS])
    return Roster(
        form=columns.form,
        encoding=table.encoding,
        people=tuple(people),
        faults=tuple(faults),
        skipped=tuple(skipped),
        unread=columns.unread,
        has_labels=Field.LABELS in columns.places,
        labels_are_whole=columns.labels_are_whole,
        labels=tuple(reversed(labels.values())),
    )


def _is_nobody(cells: Sequence[str], columns: Columns) -> bool:
    """Returns True if a row of a Canvas export has possible points, the read-only mark or the test student."""
    name = _cell(cells, columns.places.get(Field.NAME))
    identified = any(_cell(cells, columns.places.get(one)) for one in IDENTIFIERS)
    is_points = name.casefold().replace(" ", "") == POINTS_POSSIBLE or "(read only)" in map(str.strip, cells)
    return is_points or (not identified and name in ("", TEST_STUDENT))


def _whole_cells(rows: Sequence[tuple[int, list[str]]], columns: Columns) -> set[str]:
    place = columns.places.get(Field.LABELS)
    return {_cell(cells, place) for _number, cells in rows} if columns.form is Form.CANVAS else set()


def _cell(cells: Sequence[str], place: int | None) -> str:
    return cells[place].strip() if place is not None and place < len(cells) else ""


def _person(row: int, cells: Sequence[str], columns: Columns, sections: set[str], domain: str) -> Person | list[Fault]:
    faults = list[Fault]()
    texts: dict[Field, str] = {}

    def wrong(code: str, column: str, cause: str, cure: str) -> None:
        faults.append(Fault(code, row, column, cause, cure))

    if any(cell.strip() for cell in cells[columns.width :]):
        cure = _("Put quotation marks around a text that holds the delimiter.")
        wrong("too_many_cells", "", _("This row has more cells than there are headings."), cure)
    for name, place in columns.places.items():
        try:
            texts[name] = text_of(_cell(cells, place), name)
        except WrongCell as error:
            wrong(error.code, columns.headings[name], error.cause, error.cure)
    if faults:
        return faults
    if not any(texts.get(one) for one in IDENTIFIERS):
        cure = _("Fill in the email address, the login or the registration number, or remove the row.")
        return [Fault("no_identifier", row, "", _("Nothing in this row says who it is."), cure)]
    try:
        labels = labels_of(texts.get(Field.LABELS, ""), columns.form, sections)
    except WrongCell as error:
        return [Fault(error.code, row, columns.headings[Field.LABELS], error.cause, error.cure)]
    role = texts.get(Field.ROLE, "")
    if role and _role(role) is None:
        cause = _("“%(role)s” is not a role.") % {"role": role[:40]}
        cure = _("Write learner, assistant or instructor, or leave the cell empty.")
        return [Fault("bad_role", row, columns.headings[Field.ROLE], cause, cure)]
    email, login = texts.get(Field.EMAIL, ""), texts.get(Field.LOGIN, "")
    if not email and is_address(login):
        # In many schools, the login is the email address.
        email = login.lower()
    guessed = f"{login}@{domain}".lower()
    guessed = guessed if domain and login and not email and is_address(guessed) else ""
    first, last = _names(texts)
    number = texts.get(Field.NUMBER, "")
    return Person(row, email, login, number, first, last, labels, _role(role) if role else None, guessed)


class WrongCell(Exception):
    def __init__(self, code: str, cause: str, cure: str) -> None:
        super().__init__(code)
        self.code, self.cause, self.cure = code, cause, cure


def text_of(cell: str, field: Field) -> str:
    """Returns the text of a cell in Unicode's form NFC; addresses are in lower case. Raises `WrongCell`."""
    if (wrong := broken(cell)) is not None:
        cause = _("The cell is damaged: %(wrong)s.") % {"wrong": wrong}
        raise WrongCell("control_character", cause, _("Type the cell again, or export the file again."))
    if REPLACED.search(cell):
        cause = _("The cell holds the sign for a letter that got lost.")
        raise WrongCell("lost_letter", cause, _("Export the file again as UTF-8."))
    text = " ".join(unicodedata.normalize("NFC", UNSEEN.sub("", cell)).split())
    text = TEXT_FORMULA.sub(r"\1", text) if TEXT_FORMULA.fullmatch(text) else NEUTRALISED.sub("", text, count=1)
    if text in ("", "-") or (text.casefold() in NOTHING and field not in NAMES):
        return ""
    _refuse_spreadsheet_marks(cell.strip(), text, field)
    most = {Field.EMAIL: EMAIL_CHARS, Field.LABELS: LABELS_CHARS, Field.NAME: 2 * NAME_CHARS}
    if len(text) > most.get(field, NAME_CHARS):
        cause = _("The cell has %(count)s characters; %(most)s are allowed.")
        counts = {"count": f"{len(text):,}", "most": most.get(field, NAME_CHARS)}
        raise WrongCell("too_long", cause % counts, _("Shorten it, or check whether a quotation mark is missing."))
    return _address(text) if field is Field.EMAIL else text


def _refuse_spreadsheet_marks(cell: str, text: str, field: Field) -> None:
    if SPREADSHEET_ERROR.fullmatch(text):
        cause = _("The cell holds an error of the spreadsheet.")
        raise WrongCell("spreadsheet_error", cause, _("Correct the formula there, or write the text itself."))
    if is_formula(cell) and is_formula(text):
        cause = _("The cell begins with “%(sign)s”, as a formula does.") % {"sign": text[0]}
        raise WrongCell("formula", cause, _("Write the text itself, without a formula."))
    if field in (Field.NUMBER, Field.LOGIN) and ROUNDED.fullmatch(text):
        cause = _("The spreadsheet has shortened this number.")
        raise WrongCell("rounded", cause, _("Format the column as text, enter the number again, and save the file."))


def _address(text: str) -> str:
    if text.count("@") > 1 or re.search(r"[;,\s]", text):
        cause = _("This is not one email address.")
        raise WrongCell("bad_email", cause, _("Write one address alone, such as lena@example.org."))
    if not is_address(text):
        raise WrongCell("bad_email", _("This is not an email address."), _("Write it like lena@example.org."))
    return text.lower()


def _role(text: str) -> LearnerData | None:
    return ROLES.get(re.sub(r"[\s_\-]", "", text.casefold()))


def labels_of(text: str, form: Form = Form.OWN, sections: set[str] | frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Returns the labels in a cell, without repetitions that differ at most in case. Raises `WrongCell`.

    Labels are separated by semicolons or, if there are none, by commas. Canvas writes several sections as “A, B, and
    C”, which may also be the name of a single section. The cell is split only if each part is alone in another row.
    """
    parts = text.split(";" if ";" in text else ",")
    if form is Form.CANVAS:
        apart = [part for part in re.split(r",\s+and\s+|\s+and\s+|,\s+", text) if part]
        parts = apart if all(part in sections for part in apart) else [text.replace(";", ",")]
    found = {label.casefold(): label for label in reversed([part.strip() for part in parts]) if label}
    labels = tuple(reversed(found.values()))
    if long := [label for label in labels if len(label) > LABEL_CHARS]:
        cause = _("The label “%(label)s…” has more than %(most)d characters.")
        raise WrongCell("too_long", cause % {"label": long[0][:20], "most": LABEL_CHARS}, _("Shorten it."))
    if len(labels) > LABELS_MAX:
        cause = _("There are %(count)d labels; %(most)d are allowed.") % {"count": len(labels), "most": LABELS_MAX}
        raise WrongCell("too_many_labels", cause, _("Remove some."))
    return labels


def _names(texts: dict[Field, str]) -> tuple[str, str]:
    """Returns the first and the last name. A full name in one cell is read as “Last, First” or “First Last”."""
    first, last = texts.get(Field.FIRST, ""), texts.get(Field.LAST, "")
    whole = texts.get(Field.NAME, "")
    if first or last or not whole:
        return first, last
    if "," in whole:
        last, _comma, first = (part.strip() for part in whole.partition(","))
    else:
        first, _space, last = whole.rpartition(" ") if " " in whole else (whole, "", "")
    return first[:NAME_CHARS], last[:NAME_CHARS]


def without_repeated(people: Sequence[Person], headings: dict[Field, str]) -> tuple[list[Person], list[Fault]]:
    """Returns each person once, and the mistakes of rows that are about the same person. Equal rows count once.

    Rows that contradict each other, such as two addresses for one registration number, are all left out.
    """
    by_value: dict[tuple[Field, str], list[Person]] = defaultdict(list)
    for person in people:
        for name in IDENTIFIERS:
            if value := getattr(person, name):
                by_value[name, value if name is Field.EMAIL else value.casefold()].append(person)
    faults: dict[int, Fault] = {}
    for (name, _value), same in by_value.items():
        for fault in _repeated(name, same, headings.get(name, "")) if len(same) > 1 else ():
            faults.setdefault(fault.row or 0, fault)
    return [person for person in people if person.row not in faults], list(faults.values())


def _repeated(name: Field, same: Sequence[Person], heading: str) -> Iterator[Fault]:
    first = same[0]
    if any(_contradict(first, other) for other in same[1:]):
        rows = ", ".join(str(person.row) for person in same[:10])
        cause = _("Rows %(rows)s have the same %(column)s, but are otherwise different people.")
        cure = _("Correct it, or keep one row for each person, with one address.")
        for person in same:
            yield Fault("contradiction", person.row, heading, cause % {"rows": rows, "column": heading or name}, cure)
        return
    for other in same[1:]:
        cause = _("This person stands in row %(row)d already.") % {"row": first.row}
        yield Fault("repeated", other.row, heading, cause, _("Remove one of the two rows."))


def _contradict(one: Person, other: Person) -> bool:
    pairs = [(getattr(one, name).casefold(), getattr(other, name).casefold()) for name in IDENTIFIERS]
    return any(left and right and left != right for left, right in pairs)
