"""Rosters that look odd and are read nevertheless: what spreadsheets, Canvas and Moodle really write."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from gradus.classes.roster.people import Person

ROWS = [
    ["login", "email", "registrationnumber", "firstname", "lastname", "labels", "role"],
    ["jörg", "Joerg@Example.org", "00123", "Jörg", "Weiß", "Section A; extra time", "learner"],
    ["", "mia@example.org", "", "Mia", "Ng", "", "Assistant"],
]
JOERG = Person(2, "joerg@example.org", "jörg", "00123", "Jörg", "Weiß", ("Section A", "extra time"), "none")
MIA = Person(3, "mia@example.org", first_name="Mia", last_name="Ng", role="viewer")


@dataclass(frozen=True)
class Odd:
    name: str
    data: bytes
    people: tuple[Person, ...]
    form: str = "own"
    skipped: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.name


def written(delimiter: str = ",", newline: str = "\n", head: list[str] | None = None) -> str:
    return newline.join(delimiter.join(row) for row in [head or ROWS[0], *ROWS[1:]]) + newline


BOTH = (JOERG, MIA)
OWN = tuple(
    Odd(name, data, BOTH)
    for name, data in {
        "UTF-8": written().encode(),
        "UTF-8 with a byte order mark": b"\xef\xbb\xbf" + written().encode(),
        "UTF-16, little end first": b"\xff\xfe" + written("\t").encode("utf-16-le"),
        "UTF-16, big end first": b"\xfe\xff" + written("\t").encode("utf-16-be"),
        "UTF-16 without a byte order mark": written("\t", "\r\n").encode("utf-16-le"),
        "Windows-1252": written(",", "\r\n").encode("cp1252"),
        "tabs": written("\t").encode(),
        "line breaks of old machines": written(",", "\r").encode(),
        "no line break at the end": written().rstrip("\n").encode(),
        "letters with separate accents": unicodedata.normalize("NFD", written()).encode(),
        "other cases, spaces and underscores": written(
            head=["LOGIN", "E-Mail", "Registration_Number", "First name", " last_name ", "Labels", "ROLE"]
        ).encode(),
        "invisible characters": written()
        .replace("mia@", "\u200bmia@\ufeff")
        .encode()
        .replace(b"Mia,", b"Mia\xc2\xa0,"),
        "empty columns at the end": written().replace("learner\n", "learner,,,\n").encode(),
        "a number as a formula": written().replace("00123", '="00123"').encode(),
    }.items()
)
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Quiz (123),Current Score,Final Grade\n"
    ",,,,,Manual Posting,(read only),(read only)\n"
    "    Points Possible,,,,,10,(read only),(read only)\n"
    '"Lee, Ann",501,1001,ann@example.org,"Law and Ethics",8,80,B\n'
    '"Ng, Mia",502,00123,mia,"Section A and Section B",EX,,\n'
    '"Ray, Bo",503,00124,bo@example.org,Section A,-,,\n'
    '"Roe, Cy",504,00125,cy@example.org,Section B,-,,\n'
    '"Student, Test",505,,,Section A,,,\n'
)
MOODLE = (
    '"First name","Last name","ID number",Institution,Department,"Email address","Quiz: Week 1 (Real)",'
    '"Last downloaded from this course"\n'
    'Ann,Lee,1001,,,ann@example.org,"8,00",1764000000\n'
    "Mia,Ng,,,,mia@example.org,-,1764000000\n"
)
PARTICIPANTS = '"First name","Last name","Email address",Groups\nAnn,Lee,ann@example.org,"Group 1, Group 2"\n'
GERMAN = "Vorname;Nachname;Anmeldename;ID-Nummer;E-Mail-Adresse\nAnn;Lee;ann;1001;ann@example.org\n"
EXPORTS = (
    Odd(
        "Canvas", CANVAS.encode(),
        (
            Person(4, "ann@example.org", "ann@example.org", "1001", "Ann", "Lee", ("Law and Ethics",)),
            Person(5, "", "mia", "00123", "Mia", "Ng", ("Section A", "Section B")),
            Person(6, "bo@example.org", "bo@example.org", "00124", "Bo", "Ray", ("Section A",)),
            Person(7, "cy@example.org", "cy@example.org", "00125", "Cy", "Roe", ("Section B",)),
        ),
        "canvas", (2, 3, 8),
    ),
    Odd(
        "Moodle's grades", MOODLE.encode(),
        (Person(2, "ann@example.org", "", "1001", "Ann", "Lee"), Person(3, "mia@example.org", "", "", "Mia", "Ng")),
        "moodle",
    ),
    Odd(
        "Moodle's participants", PARTICIPANTS.encode(),
        (Person(2, "ann@example.org", "", "", "Ann", "Lee", ("Group 1", "Group 2")),), "moodle",
    ),
    Odd(
        "Moodle in German", GERMAN.encode(), (Person(2, "ann@example.org", "ann", "1001", "Ann", "Lee"),), "moodle",
    ),
    Odd(
        "Excel's first line", b'sep=;\r\nemail;labels\r\nmia@example.org;"Section A;extra time"\r\n',
        (Person(3, "mia@example.org", labels=("Section A", "extra time")),),
    ),
    Odd(
        "a line break in a name", b'email,firstname\nmia@example.org,"Mia\r\nLou"\nbo@example.org,Bo\n',
        (Person(2, "mia@example.org", first_name="Mia Lou"), Person(3, "bo@example.org", first_name="Bo")),
    ),
    Odd(
        "a list of addresses", b"mia@example.org\n\nbo@example.org\n",
        (Person(1, "mia@example.org"), Person(3, "bo@example.org")), "addresses",
    ),
    Odd(
        "an apostrophe before what is no formula then", b"email,lastname\nmia@example.org,'-Ng\n",
        (Person(2, "mia@example.org", last_name="-Ng"),),
    ),
    Odd(
        "somebody called Null", b"email,lastname,login\nmia@example.org,Null,NULL\n",
        (Person(2, "mia@example.org", last_name="Null"),),
    ),
    Odd("a whole name", b"Name,Email\nMia Lou Ng,mia@example.org\n",
        (Person(2, "mia@example.org", first_name="Mia Lou", last_name="Ng"),)),
)  # fmt: skip
CASES = (*OWN, *EXPORTS)
# These go through the site: the tests of the parser ask all.
SAMPLED = (OWN[0], *EXPORTS[:3])
