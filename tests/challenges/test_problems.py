"""Every reader of files reports what is wrong as one type, which alone builds `file:line: what: fix`."""

from __future__ import annotations

import pytest

from challenges.files.jsonl import Fault
from challenges.files.rows import read_samples
from challenges.files.source import Source
from challenges.problems import Problem


@pytest.mark.parametrize(
    ("file", "line", "text"),
    [
        ("a/challenge.yaml", 3, "a/challenge.yaml:3: wrong: right it"),
        ("a/challenge.yaml", None, "a/challenge.yaml: wrong: right it"),
        ("", 3, "3: wrong: right it"),
    ],
)
def test_a_problem_as_text_names_its_place(file: str, line: int | None, text: str) -> None:
    assert str(Problem(file, line, "wrong", "right it")) == text


def test_a_fault_of_a_row_becomes_a_problem_with_its_line_and_code() -> None:
    assert Fault("bad_row", "wrong", "right it").at(7) == Problem("", 7, "wrong", "right it", "bad_row")


def test_a_source_names_the_file_of_each_problem(tmp_path) -> None:
    (tmp_path / "lesson.yaml").write_text("a: 1\na: 2\n")
    (tmp_path / "public.jsonl").write_text("{\n")
    source = Source(tmp_path)
    source.yaml("lesson.yaml")
    source.rows("public.jsonl", read_samples, needed=True)
    assert [problem.place for problem in source.problems] == ["lesson.yaml:2", "public.jsonl:1"]
    assert all(type(problem) is Problem for problem in source.problems)
