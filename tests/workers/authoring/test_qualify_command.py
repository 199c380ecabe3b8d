"""`gradus judge qualify` makes one report on a judge for all questions; its exit status says whether all gates open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer import Typer
from typer.testing import CliRunner

from challenges.reading import read_challenge
from graders.base import Embed
from gradus.cli.main import app
from tests.challenges.factory import let_a_judge_pass, write_course
from tests.graders.free_text import judges
from tests.judge_server import Honest, JudgeServer
from workers.authoring import bench, qualification, qualify_command
from workers.judge import client as judge
from workers.judge.contract import JudgeMisconfigured

APP = Typer()
APP.command()(qualify_command.qualify)


@pytest.fixture(autouse=True)
def hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qualify_command, "embed", lambda texts, watch: judges.embed(Embed(tuple(texts))).vectors)
    monkeypatch.setattr(bench, "PATIENCE", 0)
    for name in ("GRADUS_JUDGE_MODEL", "OPENAI_BASE_URL", "OPENAI_API_KEY", "GRADUS_JUDGE_TEMPLATE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    root = write_course(tmp_path / "course")
    let_a_judge_pass(next(root.glob("*/explain")))
    return root


@pytest.fixture
def question(course: Path) -> Path:
    return next(course.glob("*/explain"))


@pytest.fixture
def honest(question: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> JudgeServer:
    """An endpoint that gives the marks of a person, set up as the judge."""
    graded = read_challenge(question).gold
    server = JudgeServer(httpserver, Honest((row.answer, row.marks) for row in graded))
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "judge")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    return server


def run(*argv: str) -> Any:
    return CliRunner().invoke(APP, list(argv))


def test_an_honest_judge_opens_the_gates_of_a_course(honest: JudgeServer, course: Path, tmp_path: Path) -> None:
    before = sorted(str(file) for file in course.rglob("*"))
    result = run(str(course), "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 0, result.output
    assert "explain" in result.output and "open" in result.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["passed"], report["models"], report["forms"]) == (True, ["judge-7"], ["json_schema"])
    assert list(report["questions"]) == ["explain"]
    assert report["calls"] > 0 and report["tokens"] > 0 and report["cost"] is None
    assert sorted(str(file) for file in course.rglob("*")) == before


def test_too_few_answers_open_no_gate(honest: JudgeServer, question: Path, tmp_path: Path) -> None:
    result = run(str(question), "--rows", "3", "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 1 and "40 are needed" in " ".join(result.output.split())
    assert json.loads((tmp_path / "report.json").read_text())["questions"]["explain"]["answers"] == 3


def test_the_few_are_spread_over_the_scores(question: Path) -> None:
    bundle = read_challenge(question)
    few = qualification.at_most(bundle, 3)
    scores = [qualification.person_score(bundle.challenge, g.marks) for g in few.gold if g.role == "calibration"]
    every = [qualification.person_score(bundle.challenge, g.marks) for g in bundle.gold if g.role == "calibration"]
    assert (min(scores), max(scores), len(scores)) == (min(every), max(every), 3)
    assert [g for g in few.gold if g.role == "prompt"] == [g for g in bundle.gold if g.role == "prompt"]
    assert qualification.at_most(bundle, None) == bundle


def test_a_judge_that_says_nothing_usable_is_counted(
    question: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    choice = {"message": {"content": '{"criteria": ['}, "finish_reason": "length"}
    httpserver.expect_request("/v1/chat/completions").respond_with_json({"model": "chatty", "choices": [choice]})
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "chatty")
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    result = run(str(question), "--rows", "2", "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 1 and "unusable (length)" in result.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["passed"] is False and report["unusable"]["unusable (length)"] == report["calls"]


@pytest.mark.parametrize(("status", "advice"), [(401, "OPENAI_API_KEY"), (503, "fails (503)")])
def test_an_endpoint_that_does_not_work_gives_advice_and_no_report(
    question: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, advice: str
) -> None:
    httpserver.expect_request("/v1/chat/completions").respond_with_data("{}", status=status)
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "judge")
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    result = run(str(question), "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 1 and advice in result.output
    assert not (tmp_path / "report.json").exists()


def test_without_a_judge_or_a_question_it_says_what_to_do(course: Path, question: Path) -> None:
    without = run(str(question))
    assert without.exit_code == 1 and "GRADUS_JUDGE_MODEL" in without.output
    other = run(str(question.parent / "sea-or-sky"))
    assert other.exit_code == 1 and "free_text" in other.output
    assert run(str(course / "nothing")).exit_code == 1


def test_the_command_is_found() -> None:
    assert "qualify" in CliRunner().invoke(app, ["judge", "--help"]).output


@pytest.mark.parametrize("text", ["0", "601", "-5", "3.5", "soon", "\u0663"])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(text: str) -> None:
    with pytest.raises(JudgeMisconfigured, match="GRADUS_JUDGE_TIMEOUT"):
        judge.timeout_from({"GRADUS_JUDGE_TIMEOUT": text})


def test_the_timeout_is_thirty_seconds_or_what_is_set() -> None:
    assert judge.timeout_from({}) == 30.0
    assert judge.timeout_from({"GRADUS_JUDGE_TIMEOUT": " 300 "}) == 300.0
