"""What a template left to its author is one problem each, and the rows of a template are one for each file."""

from __future__ import annotations

from pathlib import Path

from challenges.authoring.unwritten import CODE, marks, write
from challenges.lint.run import inspect, lint
from challenges.scaffold.base import Wanted
from challenges.scaffold.folders import begin_challenge, begin_course
from tests.challenges.factory import (
    label_samples,
    write_course,
    write_prompt_challenge,
    write_rows,
    write_text,
    write_yaml,
)
from tests.challenges.scaffold.author import write_everything


def test_a_text_with_a_mark_is_named_with_its_line_and_what_to_write(tmp_path: Path) -> None:
    root = write_course(tmp_path)
    write_text(
        root / "first/lesson.md",
        f"# First\n\n{write('why it matters')}\n\nAnd {write('who needs it')}, {write('when')}.\n",
    )
    write_text(root / "first/explain/statement.md", f"{write('the question')}\n")
    assert [(str(p), p.code) for p in lint(root)] == [
        ("first/explain/statement.md:1: a text of the template still stands here: write the question", CODE),
        ("first/lesson.md:3: a text of the template still stands here: write why it matters", CODE),
        ("first/lesson.md:5: a text of the template still stands here: write who needs it, and when", CODE),
    ]


def test_rows_of_a_template_are_named_once_for_each_file_and_never_quoted(tmp_path: Path) -> None:
    root = write_prompt_challenge(tmp_path / "sea-or-sky")
    rows = label_samples("h", 2, 5)
    rows[2]["input"] = f"{write('an input')} {rows[2]['input']}"
    rows[4]["input"] = f"{write('an input')} {rows[4]['input']}"
    write_rows(root / "hidden.jsonl", rows)
    (problem,) = [p for p in lint(root) if p.code == CODE]
    assert (problem.file, problem.line) == ("hidden.jsonl", 3)
    assert problem.what == "2 rows of the template still stand here" and "an input" not in str(problem)


def test_rows_of_a_template_are_not_compared(tmp_path: Path) -> None:
    root = write_prompt_challenge(tmp_path / "sea-or-sky")
    asked = []
    inspect(root, lambda bundle: asked.append(bundle) or [])
    assert len(asked) == 1
    write_rows(root / "public.jsonl", [row | {"input": write("x") + row["input"]} for row in label_samples("p", 0, 2)])
    inspect(root, lambda bundle: asked.append(bundle) or [])
    assert len(asked) == 1


def test_a_mark_that_is_not_closed_is_found() -> None:
    assert list(marks("a [write: one] b [write: two\n[write] [write:three]")) == [(1, "one"), (1, "two"), (2, "three")]


def test_what_follows_from_a_mark_is_not_said_as_well(tmp_path: Path) -> None:
    root = write_prompt_challenge(tmp_path / "sea-or-sky")
    examples = [{"input": write("an input"), "output": write("a label")}, {"input": "a gull", "output": "seal"}]
    write_yaml(root / "baselines/good.yaml", {"kind": "prompt", "examples": examples})
    row = {"id": "new", "input": write("an input"), "target": "another label"}
    write_rows(root / "hidden.jsonl", [row, *label_samples("h", 2, 5)])
    assert [(p.file, p.line, p.code) for p in lint(root)] == [
        ("baselines/good.yaml", 3, CODE),
        ("baselines/good.yaml", 4, CODE),
        ("baselines/good.yaml", 5, ""),
        ("hidden.jsonl", 1, CODE),
    ]


def test_numbers_that_nobody_has_measured_are_advice(tmp_path: Path) -> None:
    course = begin_course(tmp_path / "coast", "first").folder
    spec = begin_challenge(course / "first", "prompt", Wanted("sea-or-sky")).folder / "challenge.yaml"
    assert not [one for one in inspect(course).advice if "numbers of the template" in one.what]
    write_everything(course)
    (found,) = [one for one in inspect(course).advice if "numbers of the template" in one.what]
    lines = spec.read_text().splitlines()
    assert found.file == "first/sea-or-sky/challenge.yaml" and found.line is not None
    assert lines[found.line - 1] == "pass: 0.60"
    spec.write_text(spec.read_text().replace("pass: 0.60", "pass: 0.62"))
    assert not [one for one in inspect(course).advice if "numbers of the template" in one.what]
