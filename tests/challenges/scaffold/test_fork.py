"""`gradus course fork` makes an edition whose hidden rows are written anew, and leaves the course as it was."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner, Result

from challenges.authoring.archive import pack
from challenges.authoring.edition import FOLDER
from challenges.lint.run import lint
from challenges.reading import read_course
from gradus.cli.main import app
from tests.challenges import factory

HIDDEN = ("first/sea-or-sky/hidden.jsonl", "first/ticket/hidden.jsonl")


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return factory.write_course(tmp_path / "tiny")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["course", "fork", *arguments])


def own_rows(folder: Path) -> Path:
    """New hidden rows for both challenges, in two of the ways in which they may lie."""
    rows = [{"id": f"n{n}", "input": text, "target": place} for n, (text, place) in enumerate(OWN)]
    factory.write_rows(folder / "sea-or-sky.jsonl", rows)
    tickets = [
        {"id": f"n{n}", "input": text, "target": {"priority": priority, "summary": "a fault"}}
        for n, (text, priority) in enumerate(TICKETS)
    ]
    factory.write_rows(folder / "first/ticket/hidden.jsonl", tickets)
    return folder


OWN = (
    ("They met a walrus again", "sea"),
    ("We drew one kite there", "sky"),
    ("He heard a squid below", "sea"),
    ("She lost her drone above", "sky"),
    ("You found an oyster bed", "sea"),
    ("It was a grey swift up", "sky"),
)
TICKETS = (
    ("My jars leaked, hurry please", "high"),
    ("Our lamp died, any week", "low"),
    ("The door jams, be quick", "high"),
    ("Her chair creaks, later", "low"),
    ("A lift stopped, run", "high"),
    ("His clock is slow, some day", "low"),
)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_everything_but_hidden_rows_is_the_same_and_the_old_ones_are_never_pushed(course: Path, tmp_path: Path) -> None:
    before = files(course)
    done = run("tiny", "--id", "school", "--hidden", str(own_rows(tmp_path / "rows")))
    assert done.exit_code == 0, done.output
    assert "new hidden rows for 2 challenges" in done.output and files(course) == before
    made = files(tmp_path / "school")
    for name, data in before.items():
        if name not in (*HIDDEN, "course.yaml"):
            assert made[name] == data, name
    assert made["course.yaml"] == before["course.yaml"].replace(b"id: tiny", b"id: school")
    assert made[HIDDEN[0]] == (tmp_path / "rows/sea-or-sky.jsonl").read_bytes()
    assert made[f"{FOLDER}/first/sea-or-sky.jsonl"] == before[HIDDEN[0]]
    assert lint(tmp_path / "school") == []
    assert read_course(tmp_path / "school").course.id == "school"
    with io.BytesIO() as file:
        pack(tmp_path / "school", file)
        names = ZipFile(file).namelist()
    assert HIDDEN[0] in names and not [name for name in names if FOLDER in name]


def test_what_is_left_to_write_is_listed_with_its_number_of_rows(course: Path, tmp_path: Path) -> None:
    factory.write_rows(tmp_path / "rows/ticket.jsonl", factory.ticket_samples("x", 3, 6))
    told = json.loads(run("tiny", "--hidden", "rows", "--json").stdout)
    assert (told["id"], told["folder"], told["given"]) == ("tiny-edition", "tiny-edition", ["first/ticket"])
    assert told["to_write"] == [{"file": "tiny-edition/first/sea-or-sky/hidden.jsonl", "rows": 6}]
    assert [one.what for one in lint(tmp_path / "tiny-edition") if one.file == HIDDEN[0]] == ["the file is missing"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "cannot be read"),
        (("tiny", "--id", "Not An Id"), "such as `not-an-id`"),
        (("tiny", "--id", "tiny", "--in", "elsewhere"), "is the id of the course itself"),
        (("tiny", "--id", "there"), "exists already"),
        (("tiny", "--hidden", "nowhere"), "there is no folder nowhere"),
        (("tiny", "--hidden", "unknown"), "CHALLENGE is one of sea-or-sky, ticket"),
        (("tiny", "--hidden", "twice"), "are both for first/ticket"),
    ],
)
def test_what_is_wrong_ends_with_2_and_nothing_is_written(
    arguments: tuple[str, ...], said: str, course: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    factory.write_rows(tmp_path / "unknown/explain.jsonl", factory.ticket_samples("x", 3, 6))
    for name in ("ticket.jsonl", "ticket/hidden.jsonl"):
        factory.write_rows(tmp_path / "twice" / name, factory.ticket_samples("x", 3, 6))
    before = files(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2 and said in " ".join(done.output.split())
    assert files(tmp_path) == before


def test_an_edition_takes_over_the_rows_of_an_earlier_one_and_can_be_made_of_it(course: Path, tmp_path: Path) -> None:
    assert run("tiny", "--id", "school", "--hidden", str(own_rows(tmp_path / "rows"))).exit_code == 0
    assert run("tiny", "--id", "next-year", "--hidden", "school").exit_code == 0
    for name in HIDDEN:
        assert (tmp_path / "next-year" / name).read_bytes() == (tmp_path / "school" / name).read_bytes()
    assert lint(tmp_path / "next-year") == []
    shutil.move(tmp_path / "school", tmp_path / "first-school")
    assert run("first-school", "--id", "second-school").exit_code == 0
    kept = tmp_path / "second-school" / FOLDER / "first/sea-or-sky.jsonl"
    assert kept.read_bytes() == (tmp_path / "rows/sea-or-sky.jsonl").read_bytes()
