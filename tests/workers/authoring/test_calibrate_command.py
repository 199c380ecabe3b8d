"""`gradus challenge calibrate` prints a report, stores it beside the lesson, and returns the gate as exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer import Typer
from typer.testing import CliRunner

from challenges.kinds.rubric import free_text
from challenges.reading import read_challenge
from tests.challenges.factory import let_a_judge_pass, write_lesson
from tests.judge_server import Honest, JudgeServer
from workers.authoring import calibrate_command

pytestmark = pytest.mark.usefixtures("no_judge")
APP = Typer()
APP.command()(calibrate_command.calibrate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = write_lesson(tmp_path / "first") / "explain"
    let_a_judge_pass(root)
    return root


def run(*argv: str) -> Any:
    return CliRunner().invoke(APP, list(argv))


def said(result: Any) -> str:
    """What was printed, without the line breaks of a narrow terminal."""
    return " ".join(result.output.split())


def test_without_a_judge_the_verifier_is_measured_and_stays_provisional(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(str(folder), "--json", str(tmp_path / "out.json"))
    assert result.exit_code == 1
    assert "The gate is shut: people review every answer" in said(result)
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["model"], report["passed"], report["calls"]) == ("", False, 0)
    kept = json.loads((folder.parent / "measured.json").read_text())["calibration"]["explain"]
    assert kept == {"digest": read_challenge(folder).digest, "judges": [report]}
    # Markup and control characters in the name of a model.
    calibrate_command.show(report | {"model": "stub[/b]\x1b[2J", "missed": ["Several models answered (a[/b]\x1b[2J)."]})
    shown = capsys.readouterr().out
    assert "stub[/b]" in shown and "a[/b]" in shown and "\x1b" not in shown


def test_an_honest_judge_opens_the_gate_and_stands_beside_the_verifier(
    folder: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(str(folder))
    bundle = read_challenge(folder)
    server = JudgeServer(httpserver, Honest((row.answer, row.marks) for row in bundle.gold))
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "judge")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    result = run(str(folder))
    assert result.exit_code == 0, result.output
    assert "The gate is open" in said(result)
    judged = json.loads((folder.parent / "measured.json").read_text())["calibration"]["explain"]["judges"]
    assert [(row["model"], row["passed"]) for row in judged] == [("", False), ("judge-7", True)]
    assert judged[1]["tokens"] > 0
    texts = [row.answer for row in bundle.gold] + [c.text for c in free_text(bundle.challenge).rubric]
    written = (folder.parent / "measured.json").read_text()
    assert not [text for text in texts if text in written]


def test_a_judge_that_refuses_the_key_writes_nothing(
    folder: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/v1/chat/completions").respond_with_data("{}", status=401)
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "judge")
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    result = run(str(folder))
    assert result.exit_code == 1
    assert "OPENAI_API_KEY" in result.output
    assert not (folder.parent / "measured.json").exists()


def test_other_kinds_and_broken_folders_say_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    other = run(str(folder.parent / "sea-or-sky"))
    assert (other.exit_code, "free_text" in other.output) == (1, True)
    missing = run(str(tmp_path / "nothing"))
    assert missing.exit_code == 1
    assert "challenge.yaml" in missing.output


def test_what_an_endpoint_says_neither_ends_the_run_nor_steers_the_terminal(
    folder: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = {"message": {"content": "{}"}, "finish_reason": "[/x]\x1b]0;owned\x07"}
    httpserver.expect_request("/v1/chat/completions").respond_with_json({"model": "stub[/b]", "choices": [choice]})
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "judge")
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    result = run(str(folder))
    assert (result.exit_code, "unusable (other)" in said(result)) == (1, True)
    assert "\x1b" not in result.output
