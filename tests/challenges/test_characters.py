"""Which characters a text may hold, and the same in every file of a bundle, whether they stand there or are escaped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from challenges.characters import broken, broken_texts
from challenges.problems import Problem
from challenges.reading import BundleErrors, read_course
from tests.challenges.factory import write_course


def test_a_broken_text_is_told_with_the_place_and_the_character() -> None:
    assert broken("a\tb\r\nc \u200c \U0001f469") is None
    assert broken("a\x00b") == "character 2 is U+0000, a control character"
    assert broken("\udfff") == "character 1 is U+DFFF, one half of a surrogate pair"


def test_all_broken_texts_of_a_value_are_found_however_deep() -> None:
    value: object = {"a": [{"b\x1b": "fine"}, "c\x00"], "d": ("e", "\ud800"), "n": 1}
    assert sorted(path for path, _ in broken_texts(value)) == [("a", 0), ("a", 1), ("d", 1)]
    deep: object = "\x00"
    for _ in range(50_000):
        deep = [deep]
    assert len(list(broken_texts(deep))) == 1


def only_problem(course: Path) -> Problem:
    with pytest.raises(BundleErrors) as found:
        read_course(course)
    (problem,) = found.value.problems
    return problem


@pytest.mark.parametrize("escape", [r"\0", r"\x1b"])
@pytest.mark.parametrize("file", ["course.yaml", "first/lesson.yaml", "first/ticket/challenge.yaml"])
def test_an_escape_in_yaml_is_refused_with_its_line(tmp_path: Path, file: str, escape: str) -> None:
    path = write_course(tmp_path / "tiny") / file
    lines = path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines) if line.startswith("title:"))
    lines[number] = f'title: "a{escape}b"'
    path.write_text("\n".join(lines) + "\n")
    problem = only_problem(tmp_path / "tiny")
    assert (problem.file, problem.line) == (file, number + 1)
    assert "character 2 is U+" in problem.what and problem.fix == "remove it"


def test_measured_results_hold_no_nul(tmp_path: Path) -> None:
    folder = write_course(tmp_path / "tiny")
    (folder / "first" / "measured.json").write_text(json.dumps({"notes": ["a\0"]}))
    problem = only_problem(folder)
    assert problem.file == "first/measured.json" and "notes.0" in problem.what


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("course.yaml", "title", "x" * 201),
        ("first/lesson.yaml", "title", "x" * 201),
        ("course.yaml", "version", "1.0." + "9" * 30),
        ("first/ticket/challenge.yaml", "version", "1.0." + "9" * 30),
    ],
)
def test_what_is_longer_than_its_column_is_refused(tmp_path: Path, file: str, key: str, value: str) -> None:
    path = write_course(tmp_path / "tiny") / file
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{key}:")]
    path.write_text("\n".join([*lines, f'{key}: "{value}"']) + "\n")
    problem = only_problem(tmp_path / "tiny")
    assert problem.file == file and key in problem.what
