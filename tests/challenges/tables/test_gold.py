"""Marked answers to a question in free text, from a table with a column for each criterion."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from challenges.lint.run import inspect
from tests.challenges.factory import write_free_text_challenge, write_rows
from tests.challenges.tables import desk
from tests.challenges.tables.conftest import Gradus
from tests.challenges.tables.test_rows import table


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """A question in free text without graded answers."""
    folder = write_free_text_challenge(tmp_path / "explain")
    (folder / "gold.jsonl").unlink()
    return folder


def criteria(folder: Path) -> list[str]:
    return [one["id"] for one in yaml.safe_load((folder / "challenge.yaml").read_text())["rubric"]]


def answers(names: list[str], count: int = 60) -> list[dict[str, Any]]:
    draw = random.Random(4)
    return [
        {"answer": answer} | {f"c{n}": draw.choice(("met", "No")) for n, _ in enumerate(names)}
        for answer in dict.fromkeys(row["message"] for row in desk.support_desk(count))
    ]


def command(file: Path, folder: Path) -> list[Any]:
    marks = [word for n, name in enumerate(criteria(folder)) for word in ("--label", f"{name}=c{n}")]
    return ["challenge", "rows", file, "--text", "answer", *marks, "--to", folder]


def read(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "gold.jsonl").read_text().splitlines()]


def test_marks_stand_in_columns_and_roles_are_shared_out(tmp_path: Path, question: Path, gradus: Gradus) -> None:
    names = criteria(question)
    done = gradus(*command(table(tmp_path, answers(names, 70)), question))
    assert done.exit_code == 0, done.output
    rows = read(question)
    assert all(list(row["marks"]) == names and set(row["marks"].values()) <= {"met", "not_met"} for row in rows)
    roles = Counter(row["role"] for row in rows)
    assert roles["prompt"] >= 5 and roles["calibration"] >= 40 and roles["test"] >= 5
    assert [str(one) for one in inspect(question).problems if one.file == "gold.jsonl"] == []
    assert "near-duplicates" not in done.output


def test_an_answer_keeps_its_role_when_the_table_grows(tmp_path: Path, question: Path, gradus: Gradus) -> None:
    every = answers(criteria(question), 90)
    words = command(table(tmp_path, every[:50]), question)
    assert gradus(*words).exit_code == 0
    before = {row["answer"]: row["role"] for row in read(question)}
    table(tmp_path, every)
    assert gradus(*words).exit_code == 0
    after = {row["answer"]: row["role"] for row in read(question)}
    assert len(after) > len(before) and {answer: after[answer] for answer in before} == before


def test_marks_that_no_criterion_has_are_left_out(tmp_path: Path, question: Path, gradus: Gradus) -> None:
    rows = answers(criteria(question))
    rows[3]["c0"], rows[5]["c0"], rows[7]["answer"] = "maybe", "", " "
    again = rows[9] | {"c0": "no" if rows[9]["c0"] == "met" else "yes"}
    done = gradus(*command(table(tmp_path, [*rows, again]), question), "--json")
    name = criteria(question)[0]
    dropped = {one["line"]: one["what"] for one in json.loads(done.output)["dropped"]}
    assert dropped[5] == f"the mark of {name} is none that the criterion has"
    assert dropped[7] == f"the mark of {name} is empty"
    assert dropped[9] == "the answer is empty"
    assert dropped[11] == f"has the text of line {len(rows) + 2} and another answer"


def test_every_criterion_needs_a_column(tmp_path: Path, question: Path, gradus: Gradus) -> None:
    file = table(tmp_path, answers(criteria(question)))
    done = gradus("challenge", "rows", file, "--text", "answer", "--label", "c0", "--to", question)
    assert done.exit_code == 1
    assert f"the criteria are {', '.join(criteria(question))}, but --label gives c0" in done.output
    write_rows(tmp_path / "none.jsonl", [row | {"c0": "good"} for row in answers(criteria(question), 9)])
    done = gradus(*command(tmp_path / "none.jsonl", question))
    what = f"no row can be used; the first one (the mark of {criteria(question)[0]} is none that the criterion has)"
    assert done.exit_code == 1 and f"none.jsonl:1: {what}: write one of met, " in done.output
    write_rows(tmp_path / "few.jsonl", answers(criteria(question), 6))
    assert gradus(*command(tmp_path / "few.jsonl", question)).exit_code == 0
    assert Counter(row["role"] for row in read(question))["prompt"] >= 5
