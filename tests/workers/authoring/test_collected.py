"""Answers that people have marked on a site let a judge be measured, and change nothing of the challenge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from challenges.bundle import ChallengeBundle
from challenges.reading import BundleErrors, read_challenge
from tests.challenges.factory import gold_row, write_free_text_challenge, write_rows
from tests.workers.authoring.test_calibrate_command import APP
from workers.authoring import calibration
from workers.authoring.collected import EXAMPLE, KNOWN, OTHER_RUBRIC, read_collected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A question in pilot mode: five examples, and no answer to measure a judge on."""
    root = write_free_text_challenge(tmp_path / "explain")
    write_rows(root / "gold.jsonl", [gold_row(n, "prompt") for n in range(5)])
    return root


@pytest.fixture
def bundle(folder: Path) -> ChallengeBundle:
    return read_challenge(folder)


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {**gold_row(number, "calibration"), **changes}


def test_marked_answers_are_taken_and_the_others_are_counted(bundle: ChallengeBundle, tmp_path: Path) -> None:
    rows = [
        row(50),
        row(51, role="test"),
        row(50, answer=row(50)["answer"].upper()),
        row(3),
        row(52, role="prompt"),
        row(53, marks={"cause": "met"}),
        row(54, marks={**row(54)["marks"], "remedy": "partial"}),
    ]
    write_rows(tmp_path / "rows.jsonl", rows)
    found = read_collected(tmp_path / "rows.jsonl", bundle)
    assert [(one.answer, one.role) for one in found.rows] == [
        (row(50)["answer"], "calibration"),
        (row(51)["answer"], "test"),
    ]
    assert dict(found.left_out) == {KNOWN: 2, EXAMPLE: 1, OTHER_RUBRIC: 2}
    assert found.lines()[0] == "2 collected answers are measured as well."


def test_the_judge_is_shown_none_of_them(bundle: ChallengeBundle, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [row(n) for n in range(50, 90)])
    more = read_collected(tmp_path / "rows.jsonl", bundle).rows
    graded = calibration.answers_of(bundle, suite_rows=0, more=more)
    measured = [answer for answer in graded if answer.part == "calibration"]
    assert len(measured) == 40
    assert all(answer.known == bundle and answer.known.digest == bundle.digest for answer in measured)
    assert calibration.rows_of(bundle, suite_rows=0, more=more) == len(graded)


def test_what_is_no_row_is_named_with_its_line(bundle: ChallengeBundle, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row(50)) + '\n{"answer": "x"}\n')
    with pytest.raises(BundleErrors) as errors:
        read_collected(tmp_path / "rows.jsonl", bundle)
    assert f"{tmp_path}/rows.jsonl:2: the key `marks` is missing" in str(errors.value)
    with pytest.raises(BundleErrors) as errors:
        read_collected(tmp_path / "nothing.jsonl", bundle)
    assert "nothing.jsonl: cannot be read (No such file or directory)" in str(errors.value)


@pytest.mark.usefixtures("no_judge")
def test_the_command_takes_them(folder: Path, tmp_path: Path) -> None:
    def run(*argv: str) -> tuple[int, str]:
        result = CliRunner().invoke(APP, [str(folder), "--no-record", *argv])
        return result.exit_code, " ".join(result.output.split())

    status, said = run()
    assert status == 1 and "take those that people have marked on a site with --gold FILE" in said
    write_rows(tmp_path / "rows.jsonl", [row(n) for n in range(50, 60)])
    report = tmp_path / "report.json"
    status, said = run("--gold", str(tmp_path / "rows.jsonl"), "--json", str(report))
    assert status == 1 and "10 collected answers are measured as well." in said
    assert "The question is in pilot mode: 30 more marked answers are needed before a gate can open." in said
    found = json.loads(report.read_text())
    assert (found["answers"], found["added"]) == (10, 10)
