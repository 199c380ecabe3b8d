"""`gradus challenge dedupe`: what repeats is listed, and goes only where nothing has to be decided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from challenges.tables import duplicates
from challenges.tables.folder import FILES, HIDDEN, PUBLIC, TRAIN
from gradus.cli import rows
from tests.challenges.factory import write_rows
from tests.challenges.tables import desk
from tests.challenges.tables.conftest import Gradus

TEXTS = (
    "The printer in the cellar prints every page twice.",
    "Nobody has seen the key of the bicycle shed since Monday.",
    "My invoice names a street in which I have never lived.",
)
TABLE = f"""\
text,label
{TEXTS[0]},Repair
"{TEXTS[1]}

It hung beside the door.",Account
the PRINTER in the cellar prints every page twice,Repair

{TEXTS[2]},Billing
{TEXTS[0]} Thanks.,Repair
"{TEXTS[2]} Why
is that?",Repair
"""
COLUMNS = ("--text", "text", "--label", "label")
LISTED = ("--text", "message", "--label", "team", "-u")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE, newline="")
    return path


def test_what_repeats_is_listed_side_by_side_with_contradictions_first(file: Path, gradus: Gradus) -> None:
    done = gradus("challenge", "dedupe", file, *COLUMNS)
    assert done.exit_code == 1
    titles = [done.output.index(title) for title in ("Contradictions", "\nDuplicates", "\nNear-duplicates")]
    assert titles == sorted(titles)
    found = json.loads(gradus("challenge", "dedupe", file, *COLUMNS, "--json").output)
    assert (found["rows"], found["near_duplicates_by"], found["removed"]) == (6, "characters", {})
    pairs = [(pair["likeness"], pair["line"], pair["of_line"]) for pair in found["pairs"]]
    assert pairs == [("contradiction", 10, 8), ("duplicate", 6, 2), ("near_duplicate", 9, 2)]
    assert found["pairs"][1]["similarity"] == 1.0 and 0.6 < found["pairs"][2]["similarity"] < 1
    assert file.read_text() == TABLE


def test_all_but_the_first_go_and_contradictions_stay(file: Path, gradus: Gradus) -> None:
    done = gradus("challenge", "dedupe", file, *COLUMNS, "-u", "--json")
    assert done.exit_code == 1
    left = TABLE.replace("the PRINTER in the cellar prints every page twice,Repair\n\n", "")
    left = left.replace(f"{TEXTS[0]} Thanks.,Repair\n", "")
    assert file.read_bytes().decode() == left
    written = json.loads(Path(json.loads(done.output)["report"]).read_text())
    assert written["removed"][str(file)] == [
        "the PRINTER in the cellar prints every page twice,Repair\n\n",
        f"{TEXTS[0]} Thanks.,Repair\n",
    ]
    assert [pair["line"] for pair in written["pairs"]] == [6, 9]
    again = gradus("challenge", "dedupe", file, *COLUMNS, "-u")
    assert again.exit_code == 1 and "1 row left for you to decide" in again.output
    assert file.read_bytes().decode() == left


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_file_keeps_its_encoding_and_its_line_ends(tmp_path: Path, gradus: Gradus, encoding: str) -> None:
    file = tmp_path / "table.csv"
    rows = f"text;label\r\nGrüße aus Köln;Praise\r\n{TEXTS[0]};Repair\r\nGrüße, aus Köln!;Praise\r\n"
    file.write_bytes(rows.encode(encoding))
    named = ("--encoding", encoding) if encoding == "cp1252" else ()
    assert gradus("challenge", "dedupe", file, *COLUMNS, "-u", *named).exit_code == 0
    assert file.read_bytes() == rows.replace("Grüße, aus Köln!;Praise\r\n", "").encode(encoding)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """In public.jsonl and hidden.jsonl a row stands twice, and one of public.jsonl is in train.jsonl too."""
    root = tmp_path / "challenge"
    first, second, third = ({"id": f"r{n}", "input": text, "target": "Repair"} for n, text in enumerate(TEXTS))
    write_rows(root / PUBLIC, [first, first | {"id": "r8"}])
    write_rows(root / HIDDEN, [second, second | {"id": "r9"}, third])
    write_rows(root / TRAIN, [{"input": TEXTS[0], "output": "Repair"}])
    return root


def test_hidden_rows_go_only_when_they_are_named(folder: Path, gradus: Gradus) -> None:
    before = {name: (folder / name).read_text().splitlines(keepends=True) for name in FILES}
    done = gradus("challenge", "dedupe", folder, "-u", "--json")
    found = json.loads(done.output)
    first = Path(found["report"])
    assert done.exit_code == 1 and found["removed"] == {str(folder / PUBLIC): [2]}
    assert (folder / PUBLIC).read_text() == before[PUBLIC][0]
    assert (folder / HIDDEN).read_text() == "".join(before[HIDDEN])
    across = [(Path(pair["file"]).name, Path(pair["of_file"]).name) for pair in found["pairs"]]
    assert sorted(across) == [(HIDDEN, HIDDEN), (PUBLIC, PUBLIC), (TRAIN, PUBLIC)]

    done = gradus("challenge", "dedupe", folder, "-u", "--hidden", "--json")
    assert done.exit_code == 1
    reports = (first, Path(json.loads(done.output)["report"]))
    removed = [list(json.loads(report.read_text())["removed"]) for report in reports]
    assert removed == [[str(folder / PUBLIC)], [str(folder / HIDDEN)]], "each run leaves a report of its own"
    assert (folder / HIDDEN).read_text() == before[HIDDEN][0] + before[HIDDEN][2]
    assert (folder / TRAIN).read_text() == before[TRAIN][0]
    (folder / TRAIN).unlink()
    done = gradus("challenge", "dedupe", folder)
    assert done.exit_code == 0 and "no row of 3 repeats another one" in done.output


def test_with_sentence_embeddings_other_words_for_one_thing_are_found(tmp_path: Path, embedding: Gradus) -> None:
    file = tmp_path / "table.jsonl"
    same = ("How do I reset my password?", "How can I reset my password?")
    write_rows(file, [{"input": text, "target": "Account"} for text in (*same, *TEXTS)])
    done = embedding("challenge", "dedupe", file, "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["near_duplicates_by"] == "sentence embeddings"
    assert [(pair["line"], pair["of_line"]) for pair in found["pairs"]] == [(2, 1)]


def test_more_rows_than_can_be_compared_are_looked_through_for_equal_texts(
    tmp_path: Path, gradus: Gradus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "COMPARED_MAX", 5)
    file = tmp_path / "table.csv"
    file.write_text(TABLE)
    done = gradus("challenge", "dedupe", file, *COLUMNS)
    assert done.exit_code == 1
    assert "6 rows are too many to look for near-duplicates: only equal texts were looked for" in done.output
    assert "Thanks" not in done.output


@pytest.mark.parametrize(
    ("name", "content", "words", "said"),
    [
        ("t.csv", TABLE, (), "t.csv: no column holds the texts: name it with --text COLUMN"),
        ("t.csv", TABLE, ("--text", "txt"), "t.csv:1: there is no column `txt`; the columns are `text`, `label`: did"),
        ("t.json", json.dumps(desk.support_desk(3) * 2), LISTED, "t.json: only CSV and JSON Lines can"),
        ("none", None, (), "none: no column holds the texts"),
        ("none", None, ("--text", "a"), "none: there is no such file"),
        ("none.jsonl", None, (), "none.jsonl: no column holds the texts"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_cure(
    tmp_path: Path, gradus: Gradus, name: str, content: str | None, words: tuple[str, ...], said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    done = gradus("challenge", "dedupe", tmp_path / name, *words)
    assert done.exit_code == 1 and done.output.startswith(f"{tmp_path}/{said}"), done.output


@pytest.mark.parametrize("words", [("--label", ""), ("--encoding", "idna")])
def test_a_wrong_option_ends_with_2(file: Path, gradus: Gradus, words: tuple[str, str]) -> None:
    assert gradus("challenge", "dedupe", file, "--text", "text", *words).exit_code == 2


def test_a_folder_without_rows_is_said(tmp_path: Path, gradus: Gradus) -> None:
    done = gradus("challenge", "dedupe", tmp_path)
    assert done.exit_code == 1 and "there is none of public.jsonl, hidden.jsonl, train.jsonl in it" in done.output


def test_no_row_of_a_table_goes_before_its_answers_are_named(tmp_path: Path, gradus: Gradus) -> None:
    file = tmp_path / "table.csv"
    content = "text,label\nsame text here now,a\nsame text here now,b\n"
    file.write_text(content)
    done = gradus("challenge", "dedupe", file, "--text", "text", "-u")
    assert done.exit_code == 2 and "name the columns of the answers with --label" in done.output
    done = gradus("challenge", "dedupe", file, *COLUMNS, "-u")
    assert done.exit_code == 1 and "1 row left for you to decide" in done.output
    assert file.read_text() == content


PAIR = {"prompt": TEXTS[0], "chosen": "Yes, at once.", "rejected": "no"}
SAMPLE = {"id": "r1", "input": TEXTS[0], "target": "Repair", "documents": ["a"]}
CHAT = {"messages": [{"role": "user", "content": TEXTS[0]}, {"role": "assistant", "content": "Repair"}]}
SYSTEM = {"role": "system", "content": "Answer with one word."}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PAIR, PAIR | {"rejected": "maybe not"}),
        (SAMPLE, SAMPLE | {"documents": ["b"]}),
        (SAMPLE, {key: value for key, value in SAMPLE.items() if key != "documents"}),
        (SAMPLE, SAMPLE | {"target": ""}),
        (CHAT, {"messages": [SYSTEM, *CHAT["messages"]]}),
    ],
)
def test_a_row_goes_only_if_everything_but_its_id_is_in_the_other_one(
    tmp_path: Path, gradus: Gradus, first: dict[str, object], second: dict[str, object]
) -> None:
    file = tmp_path / "rows.jsonl"
    write_rows(file, [first, second])
    before = file.read_bytes()
    done = gradus("challenge", "dedupe", file, "-u", "--json")
    assert done.exit_code == 1 and len(json.loads(done.output)["pairs"]) == 1
    assert file.read_bytes() == before
    write_rows(file, [first, first | {"id": "r2"}])
    assert gradus("challenge", "dedupe", file, "-u").exit_code == 0
    assert len(file.read_text().splitlines()) == 1


TWICE = [{"input": TEXTS[0], "output": "Repair"}] * 2


@pytest.mark.parametrize(
    ("name", "content", "words", "said"),
    [
        ("list.json", json.dumps(TWICE, indent=1).encode(), (), "is repeated by"),
        ("t.jsonl", "\n".join(map(json.dumps, TWICE)).encode("utf-16"), (), "is repeated by"),
        ("t.jsonl", "\n".join(map(json.dumps, TWICE)).encode("utf-16-le"), ("--encoding", "utf-16-le"), "is repeated"),
        ("t.jsonl", b'{"text": "a", "label": "b"}\n' * 2, (), "t.jsonl:1: has no text as `input`"),
        ("t.jsonl", b'{"text": "a", "label": "b"}\n' * 2, ("--text", "text"), "is repeated by"),
        ("t.jsonl", json.dumps(TWICE[0]).encode() + b"\nnothing\n", (), "t.jsonl:2: is not valid JSON"),
        ("t.jsonl", b'{"messages": [{"role": "assistant", "content": "a"}]}\n', (), "no messages of a user"),
        ("t.jsonl", b'{"messages": 5}\n', (), "no messages of a user"),
        ("public.jsonl", json.dumps(TWICE[0]).encode() + b"\n[]\n", (), "public.jsonl:2: is not a JSON object"),
    ],
)
def test_no_file_is_called_clean_that_was_not_read(
    tmp_path: Path, gradus: Gradus, name: str, content: bytes, words: tuple[str, ...], said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    done = gradus("challenge", "dedupe", tmp_path if name == PUBLIC else file, *words)
    assert done.exit_code == 1 and said in done.output, done.output


def test_no_row_goes_where_the_report_cannot_be_written(
    tmp_path: Path, gradus: Gradus, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.jsonl"
    write_rows(file, TWICE)
    before = file.read_bytes()

    def refuse(path: Path, data: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(rows, "write_whole", refuse)
    done = gradus("challenge", "dedupe", file, "-u")
    assert done.exit_code == 1 and "rows.jsonl.dedupe.json: cannot be written (Permission denied)" in done.output
    assert file.read_bytes() == before
