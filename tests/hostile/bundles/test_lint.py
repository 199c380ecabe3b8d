"""Each broken bundle gets a message that names the file, the line, the cause and the cure, and never a traceback."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradus.cli import authors
from gradus.cli.main import app
from tests.hostile.bundles import course
from tests.hostile.bundles.breaking import Break, Broken, append, put, recode, swap
from tests.hostile.bundles.harness import broken, linted, similar, unclear
from tests.hostile.bundles.page import recorded, row
from tests.hostile.bundles.table import ARCHIVES, CASES, named
from tests.pace import within

MEGABYTES = 100
LARGE = ("100,000 levels", "3 MB of YAML", "a hidden row of 50 MB", "200,000 rows", "3,000 rows", "an entity bomb")
ROWS = {one for table in recorded().values() for one in table}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other people may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_there_are_many_cases_and_each_has_a_name_of_its_own() -> None:
    assert len(CASES) + len(ARCHIVES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_course_itself_has_no_problem(folder: Path) -> None:
    found = linted(course.write(folder / "coast"))
    assert (found.problems, found.not_checked) == ([], [])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_bundle_gets_a_message_that_says_what_to_do(case: Broken, folder: Path) -> None:
    root = broken(case, folder)
    with within(40):
        found = linted(root, case)
    said = found.advice if case.is_advice else found.problems
    at_its_place = {row(case.name, one) for one in said if (one.file, one.line) == (case.file, case.line)}
    assert at_its_place & ROWS, ("run `python -m tests.hostile.bundles.page`", [str(problem) for problem in said])
    assert unclear([*found.problems, *found.advice]) == []
    assert len(found.problems) <= (0 if case.is_advice else case.most), [str(problem) for problem in found.problems]


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_takes_little_memory(name: str, folder: Path) -> None:
    root = broken(named(name), folder)
    tracemalloc.start()
    try:
        linted(root)
        assert tracemalloc.get_traced_memory()[1] < MEGABYTES * 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["a tab as indentation", "CSV", "a hidden row that is a public one", "a name with a line break"]
)
def test_the_command_says_the_same_and_exits_1(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authors, "load", lambda _: similar)
    case = named(name)
    root = broken(case, folder)
    printed = CliRunner().invoke(app, ["challenge", "lint", str(root)])
    listed = CliRunner().invoke(app, ["challenge", "lint", str(root), "--json"])
    assert (printed.exit_code, listed.exit_code) == (1, 1)
    problems = linted(root).problems
    said = [line for line in printed.output.splitlines() if not line.startswith(("advice: ", "not checked: "))]
    assert said == [f"{root}/{problem}" for problem in problems]
    assert [(one["what"], one["fix"]) for one in json.loads(listed.output)["problems"]] == [
        (problem.what, problem.fix) for problem in problems
    ]


def with_windows_line_ends(root: Path) -> None:
    for name in list(course.files(root)):
        recode(name, lambda data: data.replace(b"\n", b"\r\n"))(root)


def with_line_ends_of_both_kinds(root: Path) -> None:
    for name in list(course.files(root)):
        recode(name, lambda data: data.replace(b"\n", b"\r\n", 1))(root)


@pytest.mark.parametrize(
    "changes",
    [
        with_windows_line_ends,
        with_line_ends_of_both_kinds,
        recode("course.yaml", lambda data: b"\xef\xbb\xbf" + data),
        recode("first/lesson.md", lambda data: b"\xef\xbb\xbf" + data),
        recode("course.yaml", lambda data: data.replace(b"\n", b"\r")),
        swap("course.yaml", "title: By the coast", "title: 2026-11-29"),
        swap("course.yaml", "title: By the coast", "title: no"),
        append("course.yaml", "# a comment: with a colon\n"),
        append("first/lesson.md", "\n<!-- a comment -->\n\nSee [this](../../challenges/sea-or-sky/).\n"),
        put("README.md", "# About this course\n"),
        put(".git/config", "\0"),
    ],
)
def test_what_only_looks_wrong_is_accepted(changes: Break, folder: Path) -> None:
    root = course.write(folder / "coast")
    changes(root)
    assert [str(problem) for problem in linted(root).problems] == []
