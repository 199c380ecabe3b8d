"""Rosters that are broken in one way each, made by code, and what a teacher must read about each of them.

The class in which they are applied is that of `tests.hostile.rosters.cast`.
"""

from __future__ import annotations

from dataclasses import dataclass

HEAD = "login,email,registrationnumber,firstname,lastname,labels,role\n"
GOOD = "ida,ida@example.org,2001,Ida,Rhodes,Section A,learner\n"


@dataclass(frozen=True)
class Broken:
    """A roster and the one mistake in it. `row` and `column` are where it is; `cause` and `cure` are expressions.

    A mistake of the whole file has no other rows that could be applied: `is_whole`. The good row of the others is
    applied.
    """

    name: str
    data: bytes
    code: str
    row: int | None
    column: str
    cause: str
    cure: str
    is_whole: bool = False
    faults: int = 1

    def __str__(self) -> str:
        return self.name


def whole(
    name: str, data: str | bytes, code: str, cause: str, cure: str, row: int | None = None, column: str = ""
) -> Broken:
    data = data if isinstance(data, bytes) else data.encode()
    return Broken(name, data, code, row, column, cause, cure, is_whole=True)


def row(name: str, text: str, code: str, column: str, cause: str, cure: str, *, at: int = 3, faults: int = 1) -> Broken:
    """A good row in row 2, and what is wrong from row 3 on."""
    return Broken(name, (HEAD + GOOD + text + "\n").encode(), code, at, column, cause, cure, faults=faults)


FILES = (
    whole("nothing", b"", "empty", "no text in it", "one row for each person"),
    whole("only white space", "\ufeff \n\n,,,\n", "empty", "no text in it", "one row for each person"),
    whole("headings alone", HEAD, "nobody", "headings, but no person", "Add a row"),
    whole("a spreadsheet", b"PK\x03\x04" + bytes(60), "spreadsheet", "a spreadsheet, not a CSV", "CSV UTF-8"),
    whole("an old spreadsheet", b"\xd0\xcf\x11\xe0" + bytes(60), "spreadsheet", "a spreadsheet", "CSV UTF-8"),
    whole("a PDF", b"%PDF-1.7\n", "not_a_table", "another kind of file", "CSV UTF-8"),
    whole("a web page", "<!DOCTYPE html><table>", "not_a_table", "HTML or JSON", "CSV UTF-8"),
    whole("JSON", '[{"email": "ida@example.org"}]', "not_a_table", "HTML or JSON", "CSV UTF-8"),
    whole("half a letter in UTF-16", b"\xff\xfei\x00d", "encoding", "says that it is UTF-16.*byte 5", "CSV UTF-8"),
    whole("bytes of no encoding", HEAD.encode() + b"\xff\x81\x8d", "encoding", "neither UTF-8 nor", "CSV UTF-8"),
    whole("a broken byte after a mark of UTF-8", b"\xef\xbb\xbfemail\nida\xff@example.org\n", "encoding",
          "says that it is UTF-8", "CSV UTF-8"),
    whole("a quotation mark that is not closed", HEAD + GOOD + 'ben,"ben@example.org,2002\n', "quotes",
          "not closed", "in it twice", row=3),
    whole("letters behind a quotation mark", HEAD + 'ben,"ben"@example.org,2002\n', "quotes", "not closed, or stands",
          "in it twice", row=2),
    whole("no headings", GOOD, "no_headings", "holds a person and no headings", "login,email,registrationnumber",
          row=1),
    whole("headings that identify nobody", "firstname,lastname\nIda,Rhodes\n", "no_identifier",
          "No column identifies.*“firstname”, “lastname”", "email, login or registrationnumber", row=1),
    whole("headings in a language that is not known", "Prénom;Courriel\nIda;ida@example.org\n", "no_identifier",
          "“Prénom”, “Courriel”", "Name one column email", row=1),
    whole("two columns of addresses", "email,E-mail address\na@example.org,b@example.org\n", "column_twice",
          "“email” and “E-mail address” hold the same", "Remove or rename", row=1, column="E-mail address"),
    whole("a hundred thousand rows", "email\n" + "a@b.org\n" * 100_000, "too_many_rows", "more than 10,000 rows",
          "several parts"),
    whole("five mebibytes", "email\n" + "x" * (5 * 1024 * 1024), "too_large", "more than 4 MiB", "several parts"),
    whole("a thousand columns", "email" + ",x" * 1000 + "\nida@example.org\n", "too_many_columns",
          "more than 500 cells", "not needed", row=1),
    whole("a label for each person", "email,labels\n" + "".join(f"p{n}@example.org,l{n}\n" for n in range(101)),
          "too_many_labels", "101 labels; 100 are allowed", "right column", column="labels"),
)  # fmt: skip

ROWS = (
    row("a NUL", "ben,b\0en@example.org", "control_character", "email", r"damaged: character 2 is U\+0000", "again"),
    row("an escape sequence", "ben,ben@example.org,,B\x1b[2Jen", "control_character", "firstname", r"U\+001B",
        "again"),
    row("a letter that got lost", "ben,ben@example.org,,J\ufffdrg", "lost_letter", "firstname", "got lost", "UTF-8"),
    row("no address", "ben,ben at example.org", "bad_email", "email", "not one email address", "one address alone"),
    row("half an address", "ben,ben@example", "bad_email", "email", "not an email address", "lena@example.org"),
    row("two addresses in a cell", "ben,ben@example.org ben@example.com", "bad_email", "email",
        "not one email address", "one address alone"),
    row("a name and an address in a cell", "ben,Ben <ben@example.org>", "bad_email", "email", "not one email address",
        "one address alone"),
    row("letters that look like others", "ben,\uff42en@example.org", "bad_email", "email", "not an email address",
        "lena@example.org"),
    row("a formula", 'ben,ben@example.org,,"=HYPERLINK(""https://example.org"")"', "formula", "firstname",
        "begins with “=”", "the text itself"),
    row("a formula of another sign", "ben,ben@example.org,@SUM(1)", "formula", "registrationnumber",
        "begins with “@”", "the text itself"),
    row("a command in a cell", "ben,ben@example.org,,,-2+3+cmd|' /C calc'!A0", "formula", "lastname",
        "begins with “-”", "the text itself"),
    row("an error of the spreadsheet", "ben,ben@example.org,#REF!", "spreadsheet_error", "registrationnumber",
        "error of the spreadsheet", "Correct the formula"),
    row("a number that was rounded", "ben,ben@example.org,1.23457E+11", "rounded", "registrationnumber",
        "shortened this number", "as text"),
    row("nobody", ",,,Ben,Green", "no_identifier", "", "says who it is", "Fill in"),
    row("a comma without quotes", "ben,ben@example.org,2002,Ben,Green,Section B,learner,Jr.", "too_many_cells", "",
        "more cells than there are headings", "quotation marks"),
    row("an unknown role", "ben,ben@example.org,,,,,Dean", "bad_role", "role", "“Dean” is not a role",
        "learner, assistant or instructor"),
    row("a long name", f"ben,ben@example.org,,{'B' * 121}", "too_long", "firstname", "121 characters; 120", "Shorten"),
    row("a long label", f"ben,ben@example.org,,,,{'B' * 41}", "too_long", "labels", "more than 40", "Shorten"),
    row("many labels of one person", f"ben,ben@example.org,,,,{';'.join(map(str, range(21)))}", "too_many_labels",
        "labels", "21 labels; 20", "Remove some"),
    row("somebody twice", "ida,IDA@example.org", "repeated", "email", "row 2 already", "Remove one"),
    row("two addresses for one number", "ben,ben@example.org,2002\nben2,benny@example.org,2002", "contradiction",
        "registrationnumber", "Rows 3, 4 have the same registrationnumber", "one address", faults=2),
    row("one address for two numbers", "a,ben@example.org,2002\nb,ben@example.org,2003", "contradiction", "email",
        "Rows 3, 4 have the same email", "one row for each person", faults=2),
    row("two addresses of one account", ",ann@example.org\n,ann@work.example", "same_person", "",
        "Rows 3, 4 are about one person", "one row for this person", faults=2),
    row("two addresses of an account that is not in the class", ",eva@example.org\n,eva@work.example", "same_person",
        "", "Rows 3, 4 are about one person", "one row for this person", faults=2),
    row("the address of another account", ",eva@example.org,1001", "other_account", "email",
        "eva@example.org belongs to another account than that of Ann Lee", "has confirmed"),
    row("the address of another member", ",dan@example.org,1001", "two_people", "", "mixes people.*Ann Lee, Dan",
        "belong to one person"),
    row("a number that two people have", ",,1007", "ambiguous", "", "Several people.*Fay One, Fay Two",
        "Add the email address"),
    row("a login that nobody has", "nobody,,", "not_found", "", "Nobody in the class", "email address, or give"),
    row("the own role", ",tom@example.org,,,,,learner", "own_role", "role", "your own role", "somebody else"),
)  # fmt: skip

CASES = (*FILES, *ROWS)
# What the parser cannot tell.
OF_THE_CLASS = {"same_person", "other_account", "two_people", "ambiguous", "not_found", "own_role"}


def sampled(cases: tuple[Broken, ...]) -> list[Broken]:
    """The cases of which the class decides, and one of each other code. The tests of the parser ask all."""
    of_code = {case.code: case for case in cases if case.code not in OF_THE_CLASS}
    return [*of_code.values(), *(case for case in cases if case.code in OF_THE_CLASS)]
