"""Reads a table that an author has: CSV, JSON Lines, a list in JSON, or Parquet where `pyarrow` is installed."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Any, Literal

from challenges.characters import cleaned
from challenges.files.nesting import too_deep
from challenges.problems import Problem
from challenges.registry import load
from challenges.texts import several

BYTES_MAX = 1024**3
CELL_MAX = 64 * 1024**2
PROBLEMS_MAX = 20
DELIMITERS = ",;\t"
JSON_NAMES = (".json", ".jsonl", ".ndjson")
# What other files begin with, and what they are.
MAGIC = {
    b"PK\x03\x04": "is a spreadsheet or a zip archive",
    b"\xd0\xcf\x11\xe0": "is an old Excel spreadsheet",
    b"\x1f\x8b": "is compressed with gzip",
    b"\xff\xfe\x00\x00": "is UTF-32",
    b"\x00\x00\xfe\xff": "is UTF-32",
}
PARQUET = b"PAR1"
SAVE_AS_CSV = "save it as CSV in UTF-8"


class TableErrors(Exception):
    """The table cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Record:
    """One row with the cells of the wanted columns.

    `line` is where it begins. In Parquet, and where JSON stands on one line, it is the number of the row, from 1.
    """

    line: int
    cells: tuple[Any, ...]


def read_table(path: Path, columns: Sequence[str], encoding: str = "") -> list[Record]:
    """The rows of a table, each with the cells of `columns` in this order; a cell that a row lacks is None.

    The format is found out from the content. `encoding` is UTF-8, or UTF-16 with a byte order mark, unless it is
    given. Raises `TableErrors`.
    """
    reader, encoding = _reader(path, encoding)
    try:
        records = reader(path, encoding, columns)
    except UnicodeError as error:
        raise _not_decoded(path, encoding) from error
    if not records:
        raise TableErrors([Problem(str(path), None, "has no rows", "give a table with a row for each text")])
    return records


def read_objects(path: Path, encoding: str = "") -> list[tuple[int, dict[str, Any]]]:
    """The rows of JSON Lines, or of a list in JSON, each with the line where it begins. Raises `TableErrors`."""
    reader, encoding = _reader(path, encoding)
    if reader not in (_json_lines, _json_list):
        raise TableErrors([Problem(str(path), None, "is no JSON", "name the column of the texts with --text COLUMN")])
    try:
        with path.open(encoding=encoding, newline="\n") as file:
            return _rows(path, _lines(file) if reader is _json_lines else _items(path, file.read()))
    except UnicodeError as error:
        raise _not_decoded(path, encoding) from error


Reader = Callable[[Path, str, Sequence[str]], list[Record]]


def _reader(path: Path, encoding: str) -> tuple[Reader, str]:
    """What reads the file's format, and the encoding of its text."""
    start = _start(path)
    if start.startswith(PARQUET):
        return _parquet, ""
    encoding = encoding or _encoding(path, start)
    first = start.decode(encoding, "replace").lstrip("\ufeff \t\r\n")[:1]
    _refuse_other_name(path, first)
    return (_json_list if first == "[" else _json_lines if first == "{" else _csv), encoding


def without_records(path: Path, lines: Collection[int], column: str, encoding: str = "") -> tuple[list[str], bytes]:
    """The records that begin in `lines` of a CSV or JSON Lines file, and the file without them. Nothing is written.

    `column` is one that the table has; JSON Lines need none. Raises `TableErrors` for a file of another format.
    """
    reader, encoding = _reader(path, encoding)
    if reader not in (_csv, _json_lines):
        what = "only CSV and JSON Lines can be written again"
        raise TableErrors([Problem(str(path), None, what, "remove the rows where the table comes from")])
    if encoding == "utf-8-sig" and not path.read_bytes().startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8"
    with path.open(encoding=encoding, newline="\n" if reader is _json_lines else "") as file:
        text = list(file)
    starts = (
        sorted(lines) if reader is _json_lines else [record.line for record in read_table(path, [column], encoding)]
    )
    ends = {line: line + 1 for line in starts} | (dict(pairwise([*starts, len(text) + 1])) if reader is _csv else {})
    removed = ["".join(text[line - 1 : ends[line] - 1]) for line in sorted(lines)]
    gone = {number for line in lines for number in range(line, ends[line])}
    rest = "".join(one for number, one in enumerate(text, 1) if number not in gone)
    return removed, rest.encode(encoding)


def _start(path: Path) -> bytes:
    name = str(path)
    try:
        if not path.is_file():
            what = "there is no such file" if not path.exists() else "is not a file"
            raise TableErrors([Problem(name, None, what, "name a CSV, JSON Lines, JSON or Parquet file")])
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64 * 1024)
    except OSError as error:
        raise TableErrors([Problem(name, None, f"cannot be read ({error.strerror})", "make it readable")]) from error
    if not start.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise TableErrors([Problem(name, None, "the file is empty", "give a table with a row for each text")])
    if size > BYTES_MAX:
        what = f"has {size:,} bytes; {BYTES_MAX:,} are allowed"
        raise TableErrors([Problem(name, None, what, "take a part of the rows: a challenge holds a few thousand")])
    for magic, what in MAGIC.items():
        if start.startswith(magic):
            fix = "unpack it first" if "gzip" in what else SAVE_AS_CSV
            raise TableErrors([Problem(name, None, what, fix)])
    return start


def _encoding(path: Path, start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" in start[1:400:2] and start[:400].count(b"\x00") > len(start[:400]) // 4:
        what = "is UTF-16 without a byte order mark"
        raise TableErrors([Problem(str(path), 1, what, f"{SAVE_AS_CSV}, or give --encoding utf-16-le")])
    return "utf-8-sig"


def _refuse_other_name(path: Path, first: str) -> None:
    named_json, is_json = path.suffix.lower() in JSON_NAMES, first in ("{", "[")
    if named_json and not is_json:
        what = f"is named {path.suffix}, but its first line is not JSON"
        fix = f"rename it to {path.stem}.csv if it is CSV; else write one JSON object on each line"
        raise TableErrors([Problem(str(path), 1, what, fix)])
    if path.suffix.lower() in (".csv", ".tsv") and is_json:
        what = f"is named {path.suffix}, but it holds JSON"
        fix = f"rename it to {path.stem}{'.json' if first == '[' else '.jsonl'}"
        raise TableErrors([Problem(str(path), 1, what, fix)])


def _not_decoded(path: Path, encoding: str) -> TableErrors:
    if encoding != "utf-8-sig":
        what, fix = f"is not {encoding}", f"{SAVE_AS_CSV}, or give another --encoding"
        return TableErrors([Problem(str(path), None, what, fix)])
    with path.open("rb") as file:
        line = next((number for number, raw in enumerate(file, 1) if not _is_utf8(raw)), None)
    what, fix = "is not UTF-8", f"{SAVE_AS_CSV}, or say what it is, such as --encoding cp1252 for older Excel files"
    return TableErrors([Problem(str(path), line, what, fix)])


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _picker(path: Path, names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """The places of the wanted columns. Raises `TableErrors` for those that are missing or stand twice."""
    counts = Counter(names)
    problems = [
        Problem(str(path), 1, f"{counts[name]} columns are called `{name}`", "rename all but one of them")
        for name in wanted
        if counts[name] > 1
    ]
    problems += [_unknown(path, name, names) for name in wanted if name not in counts]
    if problems:
        raise TableErrors(problems)
    return [names.index(name) for name in wanted]


def _unknown(path: Path, name: str, names: Sequence[str]) -> Problem:
    shown = cleaned(", ".join(f"`{one[:40]}`" for one in names[:20]))
    what = f"there is no column `{name}`; the columns are {shown}"
    by_folded = {one.casefold(): one for one in names}
    near = get_close_matches(name.casefold(), by_folded, n=1)
    if near:
        return Problem(str(path), 1, what, f"did you mean `{by_folded[near[0]]}`?")
    no_header = "; if they are a row, name the columns by their numbers, from 1 on"
    fix = f"name one of them{'' if path.suffix.lower() in JSON_NAMES else no_header}"
    return Problem(str(path), 1, what, fix)


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(CELL_MAX)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _csv(path: Path, encoding: str, columns: Sequence[str]) -> list[Record]:
    with path.open(encoding=encoding, newline="") as file, _long_cells():
        delimiter = _delimiter(file.read(64 * 1024))
        file.seek(0)
        typed_quotes = delimiter == "\t" and _are_quotes_text(file)
        quoting: Literal[0, 3] = csv.QUOTE_NONE if typed_quotes else csv.QUOTE_MINIMAL
        file.seek(0)
        # Only with `strict` is a quotation mark an error that no other one closes.
        reader = csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True)
        return _csv_records(path, reader, columns)


def _are_quotes_text(file: IO[str]) -> bool:
    """Whether the quotation marks of a tab-separated table belong to its texts, because each line is a row.

    The media type text/tab-separated-values knows no quotes, but spreadsheets write them around some cells.
    """
    if len({len(cells) for cells in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if any(cells)}) > 1:
        return False
    file.seek(0)
    try:
        return any("\n" in cell for cells in csv.reader(file, delimiter="\t", strict=True) for cell in cells)
    except csv.Error:
        return True


def _csv_records(path: Path, reader: Any, columns: Sequence[str]) -> list[Record]:
    names, places, records = list[str](), list[int](), list[Record]()
    problems: list[Problem] = []
    start = 1
    while len(problems) < PROBLEMS_MAX:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise TableErrors([*problems, _broken_quotes(path, start, str(error))]) from error
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            pass
        elif not names:
            names = [cell.strip() for cell in cells]
            if _are_numbers(columns, names):
                places = [int(name) - 1 for name in columns]
                records.append(Record(start, tuple(cells[place] for place in places)))
            else:
                places = _picker(path, names, columns)
        elif len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
            problems.append(_ragged(path, start, len(cells), len(names)))
        else:
            records.append(Record(start, tuple(cells[place] for place in places)))
        start = reader.line_num + 1
    if problems:
        raise TableErrors(problems)
    return records


def _are_numbers(columns: Sequence[str], first: Sequence[str]) -> bool:
    """Whether columns are named by their numbers, from 1 on, so that the first line is a row."""
    numbers = {str(number) for number in range(1, len(first) + 1)}
    return set(columns) <= numbers and not numbers & set(first)


def _delimiter(start: str) -> str:
    """The delimiter with which the first rows have most columns, where they all have as many."""

    def widths(delimiter: str) -> tuple[bool, int]:
        try:
            rows = list(islice(csv.reader(start.splitlines(keepends=True), delimiter=delimiter), 20))
        except csv.Error:
            return False, 0
        found = [len(row) for row in rows if row]
        # The last one may be cut off.
        return len(set(found[:-1])) <= 1, found[0] if found else 0

    def rank(delimiter: str) -> tuple[bool, bool, int]:
        alike, width = widths(delimiter)
        return width > 1, alike, width

    return max(DELIMITERS, key=rank)


def _broken_quotes(path: Path, line: int, reason: str) -> Problem:
    if "field limit" in reason:
        what = f"a cell has more than {CELL_MAX:,} characters; a quotation mark may be missing"
        return Problem(str(path), line, what, "close the quotation mark, or shorten the cell")
    what = "a quotation mark is not closed, or stands inside a cell"
    return Problem(str(path), line, what, 'write the whole cell in quotes, and each quote in it twice: "say ""hi"""')


def _ragged(path: Path, line: int, cells: int, names: int) -> Problem:
    what = f"has {several(cells, 'cell')}, but the first line has {names}"
    if cells < names:
        return Problem(str(path), line, what, "add what is missing")
    return Problem(str(path), line, what, "put quotes around a text that holds the delimiter or a line break")


def _json_lines(path: Path, encoding: str, columns: Sequence[str]) -> list[Record]:
    _refuse_one_object(path, encoding)
    with path.open(encoding=encoding, newline="\n") as file:
        return _objects(path, _lines(file), columns)


def _lines(file: IO[str]) -> Iterator[tuple[int, str]]:
    return ((line, text) for line, text in enumerate(file, 1) if text.strip())


def _refuse_one_object(path: Path, encoding: str) -> None:
    with path.open(encoding=encoding) as file:
        whole = next((line for line in file if line.strip()), "").rstrip().endswith("}")
        is_alone = whole and not any(line.strip() for line in file)
    if not whole or is_alone:
        what = "holds one JSON object, and no list of rows"
        fix = "write one object for each row: each on a line of its own, or all of them in a list"
        raise TableErrors([Problem(str(path), 1, what, fix)])


def _json_list(path: Path, encoding: str, columns: Sequence[str]) -> list[Record]:
    return _objects(path, _items(path, path.read_text(encoding=encoding)), columns)


def _items(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """The items of a list in JSON as texts, each with the line where it begins, or its number where all are on one."""
    decoder, is_one_line = json.JSONDecoder(), "\n" not in text.strip()
    line, done = 1, 0
    place = text.index("[") + 1
    while True:
        while text[place : place + 1] in (" ", "\t", "\r", "\n", ","):
            place += 1
        line, done = line + text.count("\n", done, place), place
        if text[place : place + 1] == "]":
            return
        try:
            _, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            line += text.count("\n", place, getattr(error, "pos", place))
            raise TableErrors([Problem(str(path), line, "is not valid JSON", "write a list of objects")]) from error
        yield line, text[place:end]
        line += is_one_line
        place = end


def _objects(path: Path, lines: Iterator[tuple[int, str]], columns: Sequence[str]) -> list[Record]:
    rows = _rows(path, lines)
    _picker(path, list(dict.fromkeys(name for _, row in rows for name in row)), columns)
    return [Record(line, tuple(row.get(name) for name in columns)) for line, row in rows]


def _rows(path: Path, lines: Iterator[tuple[int, str]]) -> list[tuple[int, dict[str, Any]]]:
    rows, problems = list[tuple[int, dict[str, Any]]](), list[Problem]()
    for line, text in lines:
        try:
            rows.append((line, _object(text)))
        except ValueError as error:
            what, _, fix = str(error).partition(": ")
            problems.append(Problem(str(path), line, what, fix))
    if problems:
        raise TableErrors(problems[:PROBLEMS_MAX])
    return rows


def _object(text: str) -> dict[str, Any]:
    """One row. Raises ValueError with what is wrong and how to fix it."""
    try:
        row = None if too_deep(text) else json.loads(text, object_pairs_hook=_pairs, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON at column {error.colno}: write one JSON object for each row") from error
    if not isinstance(row, dict):
        raise ValueError('is not a JSON object: write it as {"text": "...", "label": "..."}')
    return row


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("an object has a key twice: keep one of them")
    return row


def _parquet(path: Path, _: str, columns: Sequence[str]) -> list[Record]:
    try:
        open_file: Callable[..., Any] = load("pyarrow.parquet:ParquetFile")
    except ImportError as error:
        what = "is a Parquet file, and the package `pyarrow` is not installed"
        raise TableErrors([Problem(str(path), None, what, f"pip install pyarrow, or {SAVE_AS_CSV}")]) from error
    try:
        with open_file(path) as file:
            _picker(path, list(file.schema_arrow.names), columns)
            rows = (row for batch in file.iter_batches(columns=list(columns)) for row in batch.to_pylist())
            return [Record(n, tuple(row[name] for name in columns)) for n, row in enumerate(rows, 1)]
    except (ValueError, OSError) as error:
        raise TableErrors([Problem(str(path), None, "cannot be read as Parquet", SAVE_AS_CSV)]) from error


EMPTY = frozenset(("", "nan", "null", "<na>", "#n/a"))


def text_of(cell: Any) -> str:
    """A cell as text, without white space around it; empty where there is nothing, which tables also call NaN."""
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.0f}" if cell.is_integer() else repr(cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dict | list):
        return json.dumps(cell, ensure_ascii=False)
    text = "" if cell is None else str(cell).replace("\r\n", "\n").replace("\r", "\n").strip()
    return "" if text.casefold() in EMPTY else text
