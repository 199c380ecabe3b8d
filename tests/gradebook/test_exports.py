"""What is written for Canvas, Moodle and spreadsheets, against golden files and read back as those systems read it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress
from hypothesis import given
from hypothesis import strategies as st

from gradus.classes import members
from gradus.classes.models import Class
from gradus.csv_files import FORMULA, NUMBER
from gradus.gradebook import exports, queries
from gradus.gradebook.table import Cell, Column, Line, Person, State, Table, line
from tests import factories
from tests.gradebook import imports
from tests.gradebook.imports import Known

GOLDEN = Path(__file__).parent / "golden"
VIENNA = ZoneInfo("Europe/Vienna")
DUE = datetime(2026, 10, 25, 22, 0, tzinfo=UTC)
COLUMNS = (
    Column(1, "sea-or-sky", "Sea or sky?", Decimal(10)),
    Column(2, "ticket", "Sort tickets, fast", Decimal("2.5")),
    Column(3, "explain", 'Explain "look-ups"', Decimal(20)),
)
ADA = Person(1, "Ada", "Lovelace", "ada@example.org", "al12", "0012345", labels=("Section A", "Extra time"))
BOB = Person(2, "Bob", "=HYPERLINK(0)", "bob@example.org", "", "0012346", labels=("Section B",))
EVE = Person(3, "", "", "eve@example.org")
NOBODY = Person(4, pseudonym="owl-12", role="viewer", state="left")


def graded(points: str, **more: Any) -> Cell:
    value = Decimal(points)
    values: dict[str, Any] = {
        "state": State.GRADED,
        "computed": value,
        "raw": value,
        "attempts": 1,
        "grader": "code",
        "version": "1.0",
    }
    return Cell(**{**values, "points": value, **more})


def lines() -> tuple[Line, ...]:
    late = {"raw": Decimal("2.25"), "is_late": True, "submitted_at": DUE, "due_at": DUE, "credit": Decimal("0.8")}
    cells = {
        ADA: (
            graded("8.5", submitted_at=datetime(2026, 10, 1, 9, 30, tzinfo=UTC), due_at=DUE),
            graded("1.8", **late),
            Cell(State.EXCUSED),
        ),
        BOB: (
            graded("9", state=State.OVERRIDDEN, computed=Decimal("4.00"), reason="=cmd: the mail server was down"),
            Cell(State.WAITING, attempts=2),
            Cell(),
        ),
        EVE: (graded("0"), graded("2", state=State.HELD, is_shown=False), Cell(State.DRAFT)),
        NOBODY: (Cell(), Cell(), Cell()),
    }
    return tuple(line(person, of, COLUMNS) for person, of in cells.items())


def whole() -> Table:
    return Table(COLUMNS, lines(), count=4)


PEOPLE = [
    Known("Ada", sis="0012345", login="al12", email="ada@example.org"),
    Known("Bob", sis="0012346", login="bob", email="bob@example.org"),
    Known("Eve", sis="", login="eve@example.org", email="eve@example.org"),
    Known("Somebody else", sis="77", login="else", email="else@example.org"),
]


@pytest.mark.parametrize("format", exports.FORMATS)
def test_each_format_is_as_its_golden_file(format: str) -> None:
    assert exports.write(whole(), format, VIENNA).text == (GOLDEN / f"{format}.csv").read_text()


def test_canvas_takes_the_grades_as_they_are() -> None:
    taken = imports.canvas(exports.write(whole(), "canvas").text, PEOPLE)
    assert taken.possible == {column.title: column.worth for column in COLUMNS}
    first, second, third = (column.title for column in COLUMNS)
    assert taken.grades == {
        "Ada": {first: Decimal("8.5"), second: Decimal("1.8"), third: "EX"},
        "Bob": {first: Decimal(9), second: None, third: None},
        # Zero and missing are two things, and what is not released does not leave the site.
        "Eve": {first: Decimal(0), second: None, third: None},
    }


def test_moodle_takes_the_grades_as_they_are() -> None:
    text = exports.write(whole(), "moodle").text
    taken = imports.moodle(text, PEOPLE)
    first, second, third = (column.title for column in COLUMNS)
    assert taken.grades["Ada"] == {first: Decimal("8.5"), second: Decimal("1.8"), third: None}
    assert taken.grades["Eve"] == {first: Decimal(0), second: None, third: None}
    # A learner reads the feedback, so it never has the reason that an instructor wrote.
    assert "mail server" not in text


def test_who_cannot_be_found_there_is_left_out_and_told() -> None:
    for format in ("canvas", "moodle"):
        written = exports.write(whole(), format)
        assert "owl-12" not in written.text
        assert "1 learner is left out" in written.notes[0]
        assert "1 grade is left out, because it is not released yet" in written.notes[1]


@pytest.mark.parametrize("words", exports.DROPPED_BY_CANVAS)
def test_a_title_that_canvas_drops_is_told(words: str) -> None:
    column = Column(1, "one", f"On the {words.lower()}", Decimal(10))
    written = exports.write(Table((column,), (line(ADA, (graded("1"),), (column,)),), 1), "canvas")
    assert imports.canvas(written.text, PEOPLE).grades["Ada"] == {}
    assert words in "".join(written.notes)


def test_a_number_at_the_end_of_a_title_is_told() -> None:
    column = Column(1, "one", "Prompts (2)", Decimal(10))
    written = exports.write(Table((column,), (line(ADA, (graded("1"),), (column,)),), 1), "canvas")
    assert imports.canvas(written.text, PEOPLE).grades["Ada"] == {"Prompts": Decimal(1)}
    assert "Prompts (2)" in "".join(written.notes)


def test_two_challenges_of_one_title_stay_apart() -> None:
    columns = (Column(1, "one", "Prompts", Decimal(1)), Column(2, "two", "Prompts", Decimal(1)))
    table = Table(columns, (line(ADA, (graded("1"), graded("0")), columns),), 1)
    taken = imports.canvas(exports.write(table, "canvas").text, PEOPLE)
    assert taken.grades["Ada"] == {"Prompts [one]": Decimal(1), "Prompts [two]": Decimal(0)}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.sampled_from("=+-@"))
def test_no_cell_is_executed(rest: str, sign: str) -> None:
    text = sign + rest
    person = Person(9, text, text, "x@example.org", text, text, labels=(text,))
    column = Column(1, "one", text, Decimal(10))
    cell = graded("1", state=State.OVERRIDDEN, reason=text)
    table = Table((column,), (line(person, (cell,), (column,)),), 1)
    for format in exports.FORMATS:
        for row in csv.reader(io.StringIO(exports.write(table, format).text)):
            for found in row:
                assert not found.lstrip(" ").startswith(FORMULA) or NUMBER.fullmatch(found)


def test_nobody_is_sent_with_a_changed_number() -> None:
    person = Person(9, "Eve", "X", "", "", "+436601234567")
    table = Table(COLUMNS[:1], (line(person, (graded("1"),), COLUMNS[:1]),), 1)
    for format in ("canvas", "moodle"):
        assert "660" not in exports.write(table, format).text


def test_the_parsers_refuse_what_the_systems_refuse() -> None:
    text = exports.write(whole(), "moodle").text
    with pytest.raises(imports.Refused, match="does not know"):
        imports.moodle(text, PEOPLE[:2])
    with pytest.raises(imports.Refused, match="no number"):
        imports.moodle(text.replace("8.50", "8.50 of 10"), PEOPLE)
    with pytest.raises(imports.Refused, match="asks who"):
        imports.canvas(exports.write(whole(), "canvas").text, PEOPLE[:2])


@pytest.mark.django_db
def test_an_address_that_nobody_has_confirmed_names_nobody(evening: Class) -> None:
    """Anybody can sign up with the address of somebody else, whose grade would be overwritten in the other system."""
    victim = factories.member(evening, email="victim@example.org", first_name="Vera", last_name="Victim")
    user = factories.UserFactory.create(username="victim", pseudonym="owl-7")
    member = factories.member(evening, user)
    assert user.email == victim.email

    def addresses() -> list[str]:
        table = queries.table(evening)
        people = queries.identities(queries.learners(evening))
        assert [line.person.email for line in table.lines if line.person.member == member.pk] == [
            one.email for one in people if one.member == member.pk
        ]
        files = [exports.write(table, name) for name in ("canvas", "moodle", "wide", "long")]
        assert files[1].notes == exports.notes("moodle", table.columns, people, 0)
        return [
            *(row["Email address"] for row in csv.DictReader(io.StringIO(files[1].text))),
            *(row["SIS Login ID"] for row in list(csv.DictReader(io.StringIO(files[0].text)))[1:]),
            *(row["UID"] for row in csv.DictReader(io.StringIO(files[2].text))),
        ]

    own = "victim@example.org"
    assert sorted(addresses()) == ["owl-7", own, own, own]
    assert members.member_named(evening, own, "member") == victim

    user.email = "Own@example.org"
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    assert addresses().count("own@example.org") == 3
    assert members.member_named(evening, "own@example.org", "member") == member
