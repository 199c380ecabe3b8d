from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import pytest
from typer.testing import CliRunner

from challenges.distribution import install
from gradus.cli import plugins
from gradus.cli.main import app
from tests.challenges import factory


@pytest.fixture
def points(monkeypatch):
    """Replaces the installed entry points."""

    def use(**values):
        named = [EntryPoint(f"challenge.{name}", value, plugins.GROUP) for name, value in values.items()]
        monkeypatch.setattr(plugins, "entry_points", lambda group: named)

    return use


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def nothing_similar(bundle):
    return []


def needs_torch(bundle):
    raise ModuleNotFoundError("No module named 'torch'", name="torch")


def trial(path: str, seeds: int = 3):
    """Try a folder, which takes long. A list of commands shows only this.

    Exit status: 0 always.
    """
    print(f"tried {path} with {seeds} seeds")


@pytest.fixture
def counting(tmp_path, monkeypatch):
    """The model's tokenizer is here, so that lint can compare lengths of rows."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    factory.put_tokenizer(tmp_path / "data")


def test_clean_course_exits_0(tmp_path, points, counting):
    points(similarity=f"{__name__}:nothing_similar")
    done = run("challenge", "lint", factory.write_course(tmp_path))
    assert (done.exit_code, "no problems found" in done.output) == (0, True)


def test_without_the_models_tokenizer_lengths_are_not_checked(tmp_path, points):
    points(similarity=f"{__name__}:nothing_similar")
    root = factory.write_course(tmp_path)
    file = root / "first/sea-or-sky/hidden.jsonl"
    file.write_text(file.read_text().replace("I saw a", "I saw with my own eyes and in bright daylight a"))
    done, listed = run("challenge", "lint", root), run("challenge", "lint", root, "--json")
    unchecked = "lengths of hidden rows (the tokenizer of smollm2-135m-instruct is not here)"
    assert (done.exit_code, done.output.splitlines()[0]) == (3, f"not checked: {unchecked}")
    assert "no problems found" not in done.output
    assert (listed.exit_code, json.loads(listed.output)["not_checked"]) == (3, [unchecked])


def test_problems_exit_1_and_name_the_path_as_typed(tmp_path, points, counting):
    points(similarity=f"{__name__}:nothing_similar")
    root = factory.write_course(tmp_path)
    (root / "first/ticket/statement.md").unlink()
    done = run("challenge", "lint", root / "course.yaml")
    assert done.exit_code == 1
    problem, *advice = done.output.splitlines()
    assert problem.startswith(f"{root}/first/ticket/statement.md: the file is missing: say there what learners have")
    assert all(line.startswith("advice: ") for line in advice)
    labels = f"advice: {root}/first/sea-or-sky/challenge.yaml:9: labels are scored without calibration"
    assert sum(line.startswith(labels) for line in advice) == 1


@pytest.mark.parametrize("value", ["no_such_module:x", f"{__name__}:absent", f"{__name__}:needs_torch"])
def test_similarity_that_cannot_run_exits_3(tmp_path, points, value):
    points(similarity=value)
    done = run("challenge", "lint", factory.write_course(tmp_path))
    assert done.exit_code == 3
    assert done.output.startswith("not checked: similarity")


def test_problems_win_over_what_was_not_checked(tmp_path, points):
    points()
    done = run("challenge", "lint", tmp_path)
    assert done.exit_code == 1
    assert "not checked: similarity" in done.output


def test_commands_of_other_packages_are_listed_without_import_and_run(points):
    points(test=f"{__name__}:trial", calibrate="no_such_module:x", similarity="no_such_module:y")
    listed = run("challenge", "--help").output
    assert "calibrate" in listed and "Try a folder, which takes long." in listed
    assert "similarity" not in listed
    assert run("challenge", "test", "there", "--seeds", "2").output == "tried there with 2 seeds\n"


def test_a_command_without_its_extra_says_what_to_install(points):
    points(calibrate="no_such_module:x")
    done = run("challenge", "calibrate", "there")
    assert done.exit_code == 3
    assert install("worker") in done.output


def test_version_is_printed():
    done = run("--version")
    assert done.exit_code == 0
    assert done.output.startswith("gradus ")
