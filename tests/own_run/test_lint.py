"""What lint says of the key `own_run` and of the answers of such a question."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenges.lint.run import lint
from tests.own_run.course import ASKED, ROWS, write


def test_a_question_about_a_run_is_linted_clean(tmp_path: Path) -> None:
    assert [str(one) for one in lint(write(tmp_path / "tiny"))] == []


@pytest.mark.parametrize("named", ["nowhere", "explain"])
def test_the_challenge_must_be_in_the_course_and_have_rows(tmp_path: Path, named: str) -> None:
    found = lint(write(tmp_path / "tiny", {**ASKED, "challenge": named}))
    assert [(one.file, one.what) for one in found] == [
        (
            "first/explain/challenge.yaml",
            f"`own_run` names `{named}`, which is no challenge of this course with public rows",
        )
    ]
    assert found[0].line


def test_a_challenge_alone_may_name_one_of_its_course(tmp_path: Path) -> None:
    folder = write(tmp_path / "tiny", {**ASKED, "challenge": "nowhere"})
    assert lint(folder / "first" / "explain") == []


@pytest.mark.parametrize("quoted", [[], ROWS[:1], [ROWS[0], ROWS[0]]])
def test_each_answer_quotes_as_many_rows_as_learners(tmp_path: Path, quoted: list[dict[str, str]]) -> None:
    found = lint(write(tmp_path / "tiny", quoted=quoted) / "first" / "explain")
    files = {Path(one.file).name for one in found}
    assert {"gold.jsonl", "attacks.jsonl"} <= files
    assert any("`own_run` asks for 2" in one.what for one in found)
