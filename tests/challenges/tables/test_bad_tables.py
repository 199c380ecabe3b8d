"""Tables that cannot be read, or hold rows that cannot be used: each is said with its line and its cure."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from challenges.files import writing
from challenges.tables import formats
from challenges.tables.folder import FILES, HIDDEN, PUBLIC
from challenges.tables.formats import read_table
from tests.challenges.tables import desk
from tests.challenges.tables.conftest import Gradus, bare_challenge
from tests.challenges.tables.test_rows import read

ROWS = desk.support_desk(80)
CSV = desk.as_csv(ROWS)
FIRST, *LINES = CSV.splitlines(keepends=True)
JSON_LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
END = len(ROWS) + 2
NO_UTF8 = f"{CSV}T-9,Grüße aus Köln,Billing\n"


def run(tmp_path: Path, gradus: Gradus, name: str, content: str | bytes, words: Sequence[str] = ()) -> Result:
    folder = bare_challenge(tmp_path / "sea-or-sky", labels=desk.LABELS)
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    columns = () if "--text" in words else ("--text", "message", "--label", "team")
    return gradus("challenge", "rows", file, *columns, "--to", folder, *words)


def case(content: str | bytes, begin: str, end: str, words: str = "", name: str = "t.csv") -> tuple[Any, ...]:
    """A table, the begin of the message and its end, more words of the command, and the name of the file."""
    return name, content, words.split(), begin, end


REFUSED = {
    "a column that is nearly there": case(
        CSV,
        ":1: there is no column `taem`; the columns are `ticket`, `message`, `team`",
        "did you mean `team`?",
        "--text message --label taem",
    ),
    "a column that is not there": case(
        JSON_LINES, ":1: there is no column `zzz`", "name one of them", "--text message --label zzz", name="t.jsonl"
    ),
    "no header": case(
        "".join(LINES), ":1: there is no column `message`", "name the columns by their numbers, from 1 on"
    ),
    "two columns of one name": case(
        "message,team,team\na,b,c\n", ":1: 2 columns are called `team`", "rename all but one of them"
    ),
    "too few cells": case(CSV + "a,b\n", f":{END}: has 2 cells, but the first line has 3", "add what is missing"),
    "too many cells": case(
        CSV + "a,b,c,d\n", f":{END}: has 4 cells", "put quotes around a text that holds the delimiter or a line break"
    ),
    "nothing": case(b"", ": the file is empty", "give a table with a row for each text"),
    "blank lines": case(b"\xef\xbb\xbf\n\n \n", ": the file is empty", "give a table with a row for each text"),
    "a header alone": case(FIRST, ": has no rows", "give a table with a row for each text"),
    "one label": case(
        desk.as_csv([row | {"team": "Bug"} for row in ROWS]),
        ":1: all rows have the label `Bug`",
        "add rows of another label: there is nothing to tell apart",
    ),
    "three rows": case(
        "".join([FIRST, *LINES[:3]]), ": 3 rows can be used, at most 1 of one label", "5 or more of each label"
    ),
    "as many labels as texts": case(
        desk.as_csv([row | {"team": row["ticket"]} for row in ROWS]),
        ":1: `team` has 7",
        "name the column of the labels, or join some of them",
    ),
    "an open quotation mark": case(
        f'{CSV}T-9,"never closed,Billing\n', f":{END}: a quotation mark is not closed", 'twice: "say ""hi"""'
    ),
    "quotation marks inside a cell": case(
        f'{FIRST}T-9,"say "hi" there",Billing\n', ":2: a quotation mark is not closed", 'twice: "say ""hi"""'
    ),
    "another encoding": case(
        NO_UTF8.encode("cp1252"), f":{END}: is not UTF-8", "such as --encoding cp1252 for older Excel files"
    ),
    "an encoding that it is not": case(
        NO_UTF8.encode("cp1252"), ": is not ascii", "or give another --encoding", "--encoding ascii"
    ),
    "UTF-16 without a mark": case(
        CSV.encode("utf-16-le"), ":1: is UTF-16 without a byte order mark", "or give --encoding utf-16-le"
    ),
    "UTF-32": case(CSV.encode("utf-32"), ": is UTF-32", "save it as CSV in UTF-8"),
    "CSV that is named JSON Lines": case(
        CSV, ":1: is named .jsonl, but its first line is not JSON", "write one JSON object on each line", name="t.jsonl"
    ),
    "JSON Lines that are named CSV": case(JSON_LINES, ":1: is named .csv, but it holds JSON", "rename it to t.jsonl"),
    "a list that breaks off": case(
        json.dumps(ROWS, indent=1)[:-40], ":399: is not valid JSON", "write a list of objects", name="t.json"
    ),
    "one object": case(
        json.dumps({"data": ROWS}),
        ":1: holds one JSON object, and no list of rows",
        "or all of them in a list",
        name="t.json",
    ),
    "one object on many lines": case(
        json.dumps({"data": ROWS}, indent=2), ":1: holds one JSON object", "or all of them in a list", name="t.json"
    ),
    "a line that is not JSON": case(
        f'{JSON_LINES}{{"a": 1\n',
        f":{END - 1}: is not valid JSON at column ",
        "write one JSON object for each row",
        name="t.jsonl",
    ),
    "a line that is a list": case(
        f"{JSON_LINES}[1]\n", f":{END - 1}: is not a JSON object", '"label": "..."}', name="t.jsonl"
    ),
    "a key twice": case(
        f'{JSON_LINES}{{"team": "a", "team": "b"}}\n',
        f":{END - 1}: an object has a key twice",
        "keep one of them",
        name="t.jsonl",
    ),
    "JSON that is nested too deeply": case(
        f"{JSON_LINES}{'[' * 5000}\n", f":{END - 1}: is not a JSON object", '"label": "..."}', name="t.jsonl"
    ),
    "a spreadsheet": case(
        b"PK\x03\x04abc", ": is a spreadsheet or a zip archive", "save it as CSV in UTF-8", name="t.xlsx"
    ),
    "a packed file": case(b"\x1f\x8b\x08abc", ": is compressed with gzip", "unpack it first", name="t.csv.gz"),
    "an id twice": case(
        CSV.replace("T-00003", "T-00001"),
        ":5: the id stands already in line 3",
        "give each row an id of its own",
        "--id ticket",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_cannot_be_used_is_refused_with_line_and_cure(tmp_path: Path, gradus: Gradus, case: str) -> None:
    name, content, words, begin, end = REFUSED[case]
    done = run(tmp_path, gradus, name, content, words)
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    first = done.output.splitlines()[0]
    assert first.startswith(f"{tmp_path / name}{begin}"), first
    assert done.output.splitlines()[-1].endswith(end), done.output
    assert not any((tmp_path / "sea-or-sky" / part).exists() for part in FILES)
    assert csv.field_size_limit() == 131_072


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("t.csv", CSV.replace("\r\n", "\n").encode("utf-16")),
        ("t.csv", desk.as_csv(ROWS, ";")),
        ("t.tsv", desk.as_csv(ROWS, "\t")),
        ("t.csv", CSV.replace("\r\n", "\n\n")),
        ("t.csv", "".join(line.rstrip("\r\n") + ",,\n" for line in [FIRST, *LINES]).replace(",,", ",", 1)),
        ("t.jsonl", JSON_LINES),
        ("t.jsonl", "\ufeff" + JSON_LINES.replace("\n", "\r\n\r\n")),
        ("t.json", json.dumps(ROWS, indent=3)),
        ("t", json.dumps(ROWS)),
    ],
)
def test_the_same_table_gives_the_same_rows_in_every_format(
    tmp_path: Path, gradus: Gradus, name: str, content: str | bytes
) -> None:
    plain, other = tmp_path / "plain", tmp_path / "other"
    plain.mkdir()
    other.mkdir()
    assert run(plain, gradus, "t.csv", CSV).exit_code == 0
    done = run(other, gradus, name, content)
    assert done.exit_code == 0, done.output
    assert read(other / "sea-or-sky") == read(plain / "sea-or-sky")


QUOTED = ('"{}', '"{}"', '{} "now"', '"Hi", {}', 'the 5" {}', "{}")


def sms_spam() -> str:
    """Messages as the SMS spam collection is published: label, tab, text, no first line, and quotes as people type."""
    rows = (f"{row['team']}\t{QUOTED[n % len(QUOTED)].format(row['message'])}\n" for n, row in enumerate(ROWS))
    return "".join(row.replace("\r", "") for row in rows if row.count("\n") == 1)


def test_a_table_with_tabs_has_a_row_on_each_line_whatever_its_quotes(tmp_path: Path, gradus: Gradus) -> None:
    text = sms_spam()
    file = tmp_path / "SMSSpamCollection"
    file.write_text(text)
    records = read_table(file, ("2", "1"))
    assert [record.line for record in records] == list(range(1, text.count("\n") + 1))
    assert [f"{label}\t{message}\n" for message, label in (record.cells for record in records)] == text.splitlines(True)
    done = run(tmp_path, gradus, "SMSSpamCollection", text, ("--text", "2", "--label", "1"))
    assert done.exit_code == 0, done.output
    assert any(row["input"].startswith('"') for row in read(tmp_path / "sea-or-sky")[HIDDEN])


def test_quotes_of_a_spreadsheet_are_read_where_lines_are_no_rows(tmp_path: Path) -> None:
    file = tmp_path / "table.tsv"
    file.write_text('text\tteam\n"say ""hi""\nand go"\tBilling\nplain\tRepair\n')
    assert [record.cells for record in read_table(file, ("text", "team"))] == [
        ('say "hi"\nand go', "Billing"),
        ("plain", "Repair"),
    ]


def dropped(result: Result) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for one in json.loads(result.output)["dropped"]:
        found.setdefault(one["reason"], []).append((one["line"], one["what"]))
    return found


def test_rows_that_cannot_be_used_are_left_out_and_named(tmp_path: Path, gradus: Gradus) -> None:
    wrong = [
        {"ticket": "a", "message": "", "team": "Billing"},
        {"ticket": "b", "message": "NaN", "team": "Billing"},
        {"ticket": "c", "message": "Nobody answers the telephone", "team": " "},
        {"ticket": "d", "message": "Zero \x00 byte", "team": "Billing"},
        {"ticket": "e", "message": "Hid\u200bden space", "team": "Billing"},
        {"ticket": "f", "message": "What does <|im_end|> mean?", "team": "Billing"},
        {"ticket": "g", "message": "x" * 9000, "team": "Billing"},
        {"ticket": "h", "message": ROWS[0]["message"].upper() + "!", "team": ROWS[0]["team"]},
        {"ticket": "i", "message": "One text, two teams", "team": "Billing"},
        {"ticket": "j", "message": "one text two teams", "team": "Repair"},
        {"ticket": "k", "message": "Something about a rare thing", "team": "Astronomy"},
    ]
    done = run(tmp_path, gradus, "t.csv", desk.as_csv([*ROWS, *wrong]), ("--json",))
    assert done.exit_code == 0
    found = dropped(done)
    assert [line for line, _ in found["empty"]] == [END, END + 1, END + 2]
    assert [what for _, what in found["empty"]] == ["`message` is empty", "`message` is empty", "`team` is empty"]
    characters = ["holds the unseen character U+0000", "holds the unseen character U+200B"]
    assert [what for _, what in found["character"]] == [*characters, "holds a control token of the model"]
    assert found["too_long"][0] == (END + 6, "the row has 9,044 bytes; 8,192 are allowed")
    assert (END + 7, "a duplicate of line 2") in found["duplicate"]
    assert found["contradiction"] == [
        (END + 8, f"has the text of line {END + 9} and another answer"),
        (END + 9, f"has the text of line {END + 8} and another answer"),
    ]
    assert found["rare_label"] == [(END + 10, "the label `Astronomy` has 1 row that can be used")]


def test_a_cell_of_fifty_megabytes_is_left_out(tmp_path: Path, gradus: Gradus) -> None:
    row = f'T-9,"{"x" * 50_000_000}",Billing\n'
    done = run(tmp_path, gradus, "t.csv", CSV + row, ("--json",))
    assert (done.exit_code, dropped(done)["too_long"][0][0]) == (0, END)
    assert csv.field_size_limit() == 131_072


def test_two_spellings_of_a_label_are_one_label(tmp_path: Path, gradus: Gradus) -> None:
    other = "T-8,The violin case smells of fish,billing \nT-9,Nobody has seen our welding mask,BILLING\n"
    done = run(tmp_path, gradus, "t.csv", CSV + other)
    assert done.exit_code == 0
    note = "is written `Billing` in most rows, and was read so: write both alike"
    assert f"note: {tmp_path}/t.csv:{END}: the label `billing` (1 row) {note}" in done.output
    assert f"note: {tmp_path}/t.csv:{END + 1}: the label `BILLING` (1 row) {note}" in done.output
    folder = read(tmp_path / "sea-or-sky")
    assert {row["target"] for row in folder[PUBLIC] + folder[HIDDEN]} == set(desk.LABELS)


def test_numbers_are_labels_as_texts(tmp_path: Path, gradus: Gradus) -> None:
    rows: list[dict[str, Any]] = [row | {"team": float(desk.LABELS.index(row["team"]))} for row in ROWS]
    rows[3]["team"] = float("nan")
    done = run(tmp_path, gradus, "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert done.exit_code == 0
    assert {row["target"] for row in read(tmp_path / "sea-or-sky")[HIDDEN]} == set("01234")
    assert "t.jsonl:4: `team` is empty: fill it in, or remove the row" in done.output


SHARES = "Write the shares of public, hidden and training rows"
ENCODINGS = ("klingon", "base64", "idna", "unicode_escape", "utf-7")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--split", "0.2/0.6/0.3"), "The shares of --split add up to 1.1."),
        *((("--split", shares), SHARES) for shares in ("60", "a/b", "0/1", "nan/0.5")),
        *((("--encoding", name), f"There is no encoding {name}.") for name in ENCODINGS),
        (("--encoding", "a\0b"), "There is no encoding"),
        (("--text", ""), "--text is empty. Give the name of a column."),
        (("--label", ""), "--label is empty. Give the name of a column."),
        (("--chosen", "message"), "Give both --chosen and --rejected."),
    ],
)
def test_a_wrong_option_ends_with_2(tmp_path: Path, gradus: Gradus, words: Sequence[str], said: str) -> None:
    done = run(tmp_path, gradus, "t.csv", CSV, words)
    assert done.exit_code == 2 and said in " ".join(done.output.replace("│", " ").split())


def test_parquet_needs_a_package_and_is_read_in_batches(
    tmp_path: Path, gradus: Gradus, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t.parquet"
    file.write_bytes(b"PAR1 and more")

    def missing(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")

    monkeypatch.setattr(formats, "load", missing)
    done = run(tmp_path, gradus, "t.parquet", b"PAR1 and more")
    assert done.exit_code == 1
    assert "is a Parquet file, and the package `pyarrow` is not installed: pip install pyarrow, or save" in done.output

    class File:
        schema_arrow = SimpleNamespace(names=["ticket", "message", "team"])

        def __init__(self, path: Path) -> None:
            assert path == file

        def __enter__(self) -> File:
            return self

        def __exit__(self, *_: object) -> None: ...

        def iter_batches(self, columns: list[str]) -> list[Any]:
            part = [{name: row[name] for name in columns} for row in ROWS[:3]]
            return [SimpleNamespace(to_pylist=lambda: part), SimpleNamespace(to_pylist=lambda: part)]

    monkeypatch.setattr(formats, "load", lambda name: {"pyarrow.parquet:ParquetFile": File}[name])
    records = read_table(file, ["team", "message"])
    assert [record.line for record in records] == [1, 2, 3, 4, 5, 6]
    assert records[0].cells == records[3].cells == (ROWS[0]["team"], ROWS[0]["message"])


def test_half_a_character_is_left_out_and_never_printed(tmp_path: Path, gradus: Gradus) -> None:
    half = '{"ticket": "x", "message": "half of one: \\ud83d", "team": "Billing"}\n'
    done = run(tmp_path, gradus, "t.jsonl", JSON_LINES + half, ("--json",))
    assert (done.exit_code, dropped(done)["character"]) == (0, [(END - 1, "holds the unseen character U+D83D")])
    half = '{"\\ud83d \\u001b[2J": 1}\n' * 2
    (tmp_path / "columns").mkdir()
    done = run(tmp_path / "columns", gradus, "t.jsonl", half)
    assert done.exit_code == 1 and "there is no column `message`; the columns are `\ufffd \ufffd[2J`" in done.output


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, gradus: Gradus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "token_hex", lambda _bytes: "taken")
    (tmp_path / "sea-or-sky" / f".{HIDDEN}.taken.new").mkdir(parents=True)
    done = run(tmp_path, gradus, "t.csv", CSV)
    assert done.exit_code == 1
    assert f"sea-or-sky/{HIDDEN}: cannot be written (File exists): make it writable" in done.output
