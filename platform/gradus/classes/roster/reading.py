"""Reads the bytes of a CSV file, as spreadsheets and learning platforms write it, into rows of text cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.classes.roster.faults import of_file, too_many_rows

BYTES_MAX = 4 * 1024 * 1024
ROWS_MAX = 10_000
COLUMNS_MAX = 500
DELIMITERS = ",;\t"
# What a person can choose where the bytes alone do not tell: names of Python's codecs, as people know them.
ENCODINGS = {
    "utf-8": gettext_lazy("UTF-8"),
    "utf-16": gettext_lazy("UTF-16, which Excel calls Unicode text"),
    "windows-1252": gettext_lazy("Windows-1252, Western European"),
    "windows-1250": gettext_lazy("Windows-1250, Central European"),
    "windows-1251": gettext_lazy("Windows-1251, Cyrillic"),
    "iso-8859-15": gettext_lazy("ISO-8859-15, Western European"),
    "mac-roman": gettext_lazy("Mac Roman"),
}
BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# The first bytes of other file formats.
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
OTHER_FILES = (b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff")
MARKUP = ("<", "{", "[")


@dataclass(frozen=True)
class Table:
    """The cells of a file. `rows` are pairs of a row's number, counted from 1 as in a spreadsheet, and its cells."""

    encoding: str
    rows: list[tuple[int, list[str]]]


def read(data: bytes, encoding: str = "") -> Table:
    """Reads a table whose cells are separated by commas, semicolons or tabs.

    Without `encoding`, one of `ENCODINGS`, it is read as UTF-8, UTF-16 or Windows-1252, as its bytes say.

    Raises:
        UnreadableRoster: the file has another format, is empty or too large, or has broken encoding or quotation marks.
    """
    _refuse_other_files(data)
    encoding, text = decoded(data, encoding)
    if text.lstrip()[:1] in MARKUP and text.lstrip()[:1]:
        raise of_file("not_a_table", _("This is not a table, but HTML or JSON."), _save_as_csv())
    delimiter, skipped, text = _told_delimiter(text)
    delimiter = delimiter or _delimiter(text)
    rows = list(_records(text, delimiter, skipped))
    if not rows:
        raise of_file("empty", _("The file has no text in it."), _("Choose a file with one row for each person."))
    return Table(encoding, rows)


def _refuse_other_files(data: bytes) -> None:
    if len(data) > BYTES_MAX:
        cause = _("The file has more than %(most)s MiB.") % {"most": BYTES_MAX // 1024**2}
        raise of_file("too_large", cause, _("Remove the columns that are not needed, or apply it in several parts."))
    if data.startswith(SPREADSHEETS):
        raise of_file("spreadsheet", _("This is a spreadsheet, not a CSV file."), _save_as_csv())
    if data.startswith(OTHER_FILES):
        raise of_file("not_a_table", _("This is not a table, but another kind of file."), _save_as_csv())


def _save_as_csv() -> str:
    return _("Save the table as “CSV UTF-8” in your spreadsheet program, and choose that file.")


def decoded(data: bytes, chosen: str = "") -> tuple[str, str]:
    """Returns the name of the encoding and the text. Raises `UnreadableRoster`."""
    if chosen:
        return chosen, _in_chosen(data, chosen)
    encoding = next((name for bom, name in BOMS.items() if data.startswith(bom)), "") or _utf_16(data)
    try:
        if encoding:
            return encoding, data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        cause = _("The file says that it is %(encoding)s, but byte %(place)s is not.")
        raise of_file(
            "encoding", cause % {"encoding": encoding.upper(), "place": f"{error.start + 1:,}"}, _save_as_csv()
        ) from None
    try:
        return "utf-8", data.decode()
    except UnicodeDecodeError:
        pass
    try:
        return "windows-1252", data.decode("cp1252")
    except UnicodeDecodeError as error:
        cause = _("The file is neither UTF-8 nor Windows-1252: see byte %(place)s.")
        raise of_file("encoding", cause % {"place": f"{error.start + 1:,}"}, _save_as_csv()) from None


def _in_chosen(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        cause = _("The file is not in %(encoding)s: see byte %(place)s.")
        place = {"encoding": encoding.upper(), "place": f"{error.start + 1:,}"}
        raise of_file("wrong_encoding", cause % place, _("Choose another encoding.")) from None


def _utf_16(data: bytes) -> str:
    """Returns the byte order of UTF-16 without a mark, where every second byte is zero at the start; or else ""."""
    start = data[:200]
    for name, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if len(zeros) > 3 and zeros.count(0) > 0.8 * len(zeros):
            return name
    return ""


def _told_delimiter(text: str) -> tuple[str, int, str]:
    """Returns the delimiter of Excel's first line `sep=;`, the number of lines read, and the remaining text."""
    first, _newline, rest = text.partition("\n")
    told = first.strip().strip('"')
    if told.lower().startswith("sep=") and len(told) == 5 and told[4] in DELIMITERS:
        return told[4], 1, rest
    return ("\t", 1, rest) if first.rstrip("\r").lower() == "sep=\t" else ("", 0, text)


def _delimiter(text: str) -> str:
    """Returns the delimiter that splits the headings into the most columns."""

    def columns(delimiter: str) -> int:
        try:
            return len(next((row for row in _reader(text[:64_000], delimiter) if any(row)), []))
        except csv.Error:
            return 0

    return max(DELIMITERS, key=columns)


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    # `strict` makes an unclosed quotation mark an error. NULs are reported later for their cell.
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _records(text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yields the number and the cells of each row that is not blank."""
    number, found = skipped, 0
    try:
        for number, cells in enumerate(_reader(text, delimiter), skipped + 1):
            if not any(map(str.strip, cells)):
                continue
            found += 1
            if found > ROWS_MAX + 1:
                raise too_many_rows(ROWS_MAX)
            if len(cells) > COLUMNS_MAX:
                cause = _("This row has more than %(most)d cells.") % {"most": COLUMNS_MAX}
                raise of_file("too_many_columns", cause, _("Remove the columns that are not needed."), row=number)
            yield number, cells
    except csv.Error:
        cause = _("A quotation mark is not closed, or stands inside a cell.")
        cure = _('Write the whole cell in quotation marks, and each one in it twice, as in “Ann ""Lee""”.')
        raise of_file("quotes", cause, cure, row=number + 1) from None
