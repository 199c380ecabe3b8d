"""Lint compares an edition's hidden rows with those of the course that it was made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from challenges.authoring.edition import FOLDER, RECORD
from challenges.lint.run import Linted, inspect
from challenges.problems import Problem
from challenges.reading import read_course
from challenges.scaffold.fork import fork
from tests.challenges import factory
from tests.challenges.scaffold.test_fork import OWN, own_rows

FILE = "first/sea-or-sky/hidden.jsonl"


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    course = factory.write_course(tmp_path / "tiny")
    return fork(course, tmp_path, "school", own_rows(tmp_path / "rows")).folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def after(folder: Path, rows: list[dict[str, Any]]) -> Linted:
    factory.write_rows(folder / FILE, rows)
    return inspect(folder)


def of(problems: list[Problem], file: str = FILE) -> list[Problem]:
    return [one for one in problems if one.file == file]


def test_rows_of_the_same_kind_are_fine_also_with_some_words_of_others(edition: Path) -> None:
    found = inspect(edition)
    assert found.problems == [] and of(found.advice) == []
    rows = rows_of(edition)
    rows[0]["input"] = "I saw a dolphin yesterday"
    assert of(after(edition, rows).problems) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("i saw a CORAL, today!", "the same input as .edition/first/sea-or-sky.jsonl:3"),
        ("I saw a coral today too", "nearly the same as .edition/first/sea-or-sky.jsonl:3"),
    ],
)
def test_a_copied_row_is_told_at_its_line(edition: Path, text: str, said: str) -> None:
    before = [
        json.loads(line)["input"] for line in (edition / FOLDER / "first/sea-or-sky.jsonl").read_text().splitlines()
    ]
    number = before.index("I saw a coral today") + 1
    rows = rows_of(edition)
    rows[2]["input"] = text
    (problem,) = of(after(edition, rows).problems)
    assert problem.line == 3 and said.replace(":3", f":{number}") in problem.what
    assert problem.fix.startswith("write a row of your own")
    # No message repeats the text of a hidden row.
    assert "coral" not in str(problem).casefold()


def test_longer_rows_are_told_with_their_bounds(edition: Path) -> None:
    rows = [
        {**row, "input": f"{row['input']} and it was there for {n} long days"} for n, row in enumerate(rows_of(edition))
    ]
    found = of(after(edition, rows).problems)
    mine = [one for one in found if "in the course before" in one.what]
    assert {one.what.split(" of its inputs")[0] for one in mine} == {"the average", "the 90th percentile"}
    assert all(
        one.line is None and one.fix.startswith("write rows that are shorter, until it lies between") for one in mine
    )


def test_another_balance_of_labels_is_told_with_the_number_to_reach(edition: Path) -> None:
    many = [{"id": f"m{n}", "input": f"{OWN[n % 6][0]} {n} {chr(97 + n) * 3}", "target": "sea"} for n in range(26)]
    sky = [{"id": f"s{n}", "input": f"{OWN[1][0]} {n} {chr(97 + n) * 4}", "target": "sky"} for n in range(4)]
    before = [
        {"id": f"b{n}", "input": f"{chr(97 + n) * 5} saw a thing", "target": "sea" if n % 2 else "sky"}
        for n in range(26)
    ]
    factory.write_rows(edition / FOLDER / "first/sea-or-sky.jsonl", before)
    found = [one for one in of(after(edition, many + sky).problems) if "the label is" in one.what]
    assert [one.what for one in found] == [
        "the label is sea in 87% of its rows, and in 50% in the course before",
        "the label is sky in 13% of its rows, and in 50% in the course before",
    ]
    assert found[0].fix.startswith("bring it to about 15 rows of 30")


def test_small_differences_and_chance_are_no_problem(edition: Path) -> None:
    """Four of six rows in place of three are within what chance does to so few rows."""
    rows = rows_of(edition)
    rows[1]["target"] = "sea"
    assert not [one for one in of(after(edition, rows).problems) if "in the course before" in one.what]


def test_fewer_rows_are_advice(edition: Path) -> None:
    found = after(edition, rows_of(edition)[:4])
    assert of(found.problems) == []
    (advice,) = [one for one in of(found.advice) if "the course before" in one.what]
    assert advice.what == "has 4 rows, and the course before had 6"


def test_a_baseline_that_reaches_less_on_the_new_rows_is_advice_beside_its_file(edition: Path) -> None:
    record = json.loads((edition / RECORD).read_text())
    record["challenges"]["first/sea-or-sky"]["scores"] = {"baselines/good.yaml": 0.95, "baselines/weak.yaml": 0.5}
    (edition / RECORD).write_text(json.dumps(record))
    digest = read_course(edition).lessons[0].challenges[0].digest
    results = [{"file": "baselines/good.yaml", "score": 0.15}, {"file": "baselines/weak.yaml", "score": 0.51}]
    measured = {"baselines": {"sea-or-sky": {"digest": digest, "results": results}}}
    (edition / "first/measured.json").write_text(json.dumps(measured))
    (advice,) = [one for one in inspect(edition).advice if "on your hidden rows" in one.what]
    assert advice.file == "first/sea-or-sky/baselines/good.yaml"
    assert advice.what == "reaches 0.150 on your hidden rows, and 0.950 in the course before"
    assert advice.fix.startswith("your rows are harder")
    measured["baselines"]["sea-or-sky"]["digest"] = "another"
    (edition / "first/measured.json").write_text(json.dumps(measured))
    assert not [one for one in inspect(edition).advice if "on your hidden rows" in one.what]


def test_a_lesson_and_a_challenge_alone_are_compared_as_well(edition: Path) -> None:
    rows = rows_of(edition)
    rows[0]["input"] = "I saw a coral today"
    after(edition, rows)
    for folder, file in (
        (edition / "first", "sea-or-sky/hidden.jsonl"),
        (edition / "first/sea-or-sky", "hidden.jsonl"),
    ):
        assert [one.line for one in of(inspect(folder).problems, file)] == [1]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"challenges": 5}', '{"challenges": {"first/sea-or-sky": []}}', "[" * 100_000, "\udcff"],
)
def test_a_broken_record_is_told_and_never_a_traceback(edition: Path, text: str) -> None:
    (edition / RECORD).write_bytes(text.encode(errors="surrogateescape"))
    (problem,) = inspect(edition).problems
    assert problem.file == RECORD and "cannot be read" in problem.what and "gradus course fork" in problem.fix


def test_broken_rows_before_are_told(edition: Path) -> None:
    (edition / FOLDER / "first/sea-or-sky.jsonl").write_text('{"text": "I saw a coral today"}\n')
    (problem,) = inspect(edition).problems
    assert problem.file == RECORD and "coral" not in str(problem)
