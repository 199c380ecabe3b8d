"""`gradus judge qualify` makes one report on a judge for all questions; its exit status says whether all gates open."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer import Typer
from typer.testing import CliRunner
from werkzeug import Request, Response

from challenges.kinds.rubric import Gate
from challenges.reading import read_challenge
from gradus.cli.main import app
from tests.challenges.factory import let_a_judge_pass, write_course, write_free_text_challenge, write_gold
from tests.judge_server import Honest, JudgeServer, completion
from workers.authoring import bench, qualification, qualify_command
from workers.judge import client as judge
from workers.judge.contract import JudgeMisconfigured
from workers.judge.ledger import UNUSABLE_MOST

ROOT = Path(__file__).resolve().parents[3]
APP = Typer()
APP.command()(qualify_command.qualify)
PROCESS = (sys.executable, "-m", "tests.workers.authoring.qualify_process")


@pytest.fixture(autouse=True)
def impatient(no_judge: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "PATIENCE", 0)


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


def run(*argv: str, agreed: bool = True) -> Any:
    return CliRunner().invoke(APP, [*argv, *(["--yes"] if agreed else [])])


def written(file: Path) -> Any:
    return json.loads(file.read_text())


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_an_honest_judge_opens_the_gates_of_a_course(honest: JudgeServer, course: Path, tmp_path: Path) -> None:
    before = sorted(str(file) for file in course.rglob("*"))
    result = run(str(course), "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 0, result.output
    assert "explain" in result.output and "open" in result.output
    report = written(tmp_path / "report.json")
    assert (report["passed"], report["models"], report["forms"]) == (True, ["judge-7"], ["json_schema"])
    assert list(report["questions"]) == ["explain"]
    assert report["calls"] > 0 and report["tokens"] > 0 and report["cost"] is None
    assert sorted(str(file) for file in course.rglob("*")) == before


def test_too_few_answers_open_no_gate(honest: JudgeServer, question: Path, tmp_path: Path) -> None:
    result = run(str(question), "--rows", "3", "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 1 and "40 are needed" in in_one_line(result.output)
    assert written(tmp_path / "report.json")["questions"]["explain"]["answers"] == 3


def test_the_few_are_spread_over_the_scores(question: Path) -> None:
    bundle = read_challenge(question)
    few = qualification.at_most(bundle, 3)
    scores = [qualification.person_score(bundle.challenge, g.marks) for g in few.gold if g.role == "calibration"]
    every = [qualification.person_score(bundle.challenge, g.marks) for g in bundle.gold if g.role == "calibration"]
    assert (min(scores), max(scores), len(scores)) == (min(every), max(every), 3)
    assert [g for g in few.gold if g.role == "prompt"] == [g for g in bundle.gold if g.role == "prompt"]
    assert qualification.at_most(bundle, None) == bundle


def test_a_judge_that_says_nothing_usable_is_stopped_after_ten_replies_with_the_true_reason(
    question: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    choice = {"message": {"content": '\x1b[2J{"criteria": ['}, "finish_reason": "length"}
    httpserver.expect_request("/v1/chat/completions").respond_with_json({"model": "chatty", "choices": [choice]})
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "chatty")
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    result = run(str(question), "--rows", "2", "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 1 and "unusable (length)" in result.output
    assert 'It began: \N{REPLACEMENT CHARACTER}[2J{"criteria": [' in result.output
    assert "2,000 tokens" in result.output and "built-in verifier" not in result.output
    report = written(tmp_path / "report.json")
    assert report["passed"] is False and report["unusable"]["unusable (length)"] == report["calls"] == UNUSABLE_MOST
    assert "unusable (length)" in report["stopped"] and report["questions"] == {}


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
    without = CliRunner().invoke(app, ["judge", "qualify", str(question), "--yes"])
    assert without.exit_code == 1 and "GRADUS_JUDGE_MODEL" in without.output
    other = run(str(question.parent / "sea-or-sky"))
    assert other.exit_code == 1 and "free_text" in other.output
    assert run(str(course / "nothing")).exit_code == 1


def test_the_timeout_is_thirty_seconds_or_a_number_of_seconds() -> None:
    assert judge.timeout_from({}) == 30.0
    assert judge.timeout_from({"GRADUS_JUDGE_TIMEOUT": " 300 "}) == 300.0
    for text in ("0", "601", "-5", "3.5", "soon", "\u0663"):
        with pytest.raises(JudgeMisconfigured, match="GRADUS_JUDGE_TIMEOUT"):
            judge.timeout_from({"GRADUS_JUDGE_TIMEOUT": text})


def test_without_a_terminal_and_without_yes_nothing_is_sent(honest: JudgeServer, question: Path) -> None:
    result = run(str(question), "--rows", "1", agreed=False)
    assert result.exit_code == 2 and "--yes" in result.output
    assert "only a short trial call" in in_one_line(result.output)
    for name in ("calls:", "tokens:", "money:", "time:", "GRADUS_JUDGE_PRICE_INPUT"):
        assert name in result.output
    assert honest.bodies == []


@pytest.mark.parametrize(("said", "status"), [("n\n", 2), ("", 2), ("y\n", 1)])
def test_on_a_terminal_it_asks(
    honest: JudgeServer, question: Path, monkeypatch: pytest.MonkeyPatch, said: str, status: int
) -> None:
    monkeypatch.setattr(qualify_command, "has_terminal", lambda: True)
    result = CliRunner().invoke(APP, [str(question), "--rows", "1"], input=said)
    assert result.exit_code == status
    assert "Send them?" in result.output
    assert bool(honest.bodies) == (status == 1)


def test_a_second_run_pays_for_nothing_asks_no_question_and_needs_no_endpoint(
    honest: JudgeServer, question: Path, tmp_path: Path
) -> None:
    first, again = tmp_path / "first.json", tmp_path / "again.json"
    before = run(str(question), "--rows", "2", "--json", str(first))
    asked = len(honest.bodies)
    honest.fault = lambda request: Response("{}", 503)
    judge._ENDPOINTS.clear()  # as in another process
    result = run(str(question), "--rows", "2", "--json", str(again), agreed=False)
    assert "nothing is sent" in result.output and f"{asked} replies of earlier runs" in in_one_line(result.output)
    assert result.exit_code == before.exit_code == 1, result.output
    assert len(honest.bodies) == asked
    one, two = written(first), written(again)
    assert (one["calls"], one["kept"], two["calls"], two["kept"]) == (asked, 0, 0, asked)
    assert one["questions"] == two["questions"] and one["forms"] == two["forms"]
    honest.fault = None
    judge._ENDPOINTS.clear()
    run(str(question), "--rows", "2", "--fresh")
    assert len(honest.bodies) == 2 * asked


def test_replies_that_cannot_be_kept_end_a_run_with_advice(honest: JudgeServer, question: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    at_a_file = run(str(question), "--rows", "1", "--keep", str(tmp_path / "file"))
    assert at_a_file.exit_code == 2 and "--keep" in at_a_file.output
    for fresh in ([], ["--fresh"]):
        below = run(str(question), "--rows", "1", "--keep", str(tmp_path / "file" / "below"), *fresh)
        assert below.exit_code == 1 and "Not a directory" in below.output and "--keep" in below.output


def test_replies_that_cannot_be_used_are_asked_for_again(honest: JudgeServer, question: Path, tmp_path: Path) -> None:
    says = iter([completion("no JSON"), *[None] * 10_000])
    honest.fault = lambda request: (
        (None if len(json.loads(request.get_data())["messages"]) == 1 else next(says)) or (honest.answer(request))
    )
    run(str(question), "--rows", "1")
    asked = len(honest.bodies)
    run(str(question), "--rows", "1", "--json", str(tmp_path / "again.json"))
    report = written(tmp_path / "again.json")
    assert 0 < report["calls"] < asked and report["kept"] >= asked - 3
    assert report["unusable"] == {}


def test_a_killed_run_goes_on_where_it_stopped(honest: JudgeServer, question: Path, tmp_path: Path) -> None:
    command = [*PROCESS, str(question), "--rows", "2", "--yes", "--parallel", "1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    fifth = threading.Event()

    def answer(request: Request) -> Response:
        if len(honest.bodies) == 5:
            process.kill()
            process.wait()
            fifth.set()
        return honest.answer(request)

    honest.fault = answer
    assert fifth.wait(120)
    honest.fault = None
    (kept,) = (tmp_path / "data" / "judge").glob("*.jsonl")
    assert len(kept.read_text().splitlines()) == 4
    honest.bodies.clear()
    run(str(question), "--rows", "2", "--json", str(tmp_path / "report.json"))
    report = written(tmp_path / "report.json")
    assert (report["kept"], report["calls"]) == (4, len(honest.bodies))
    whole = tmp_path / "whole.json"
    run(str(question), "--rows", "2", "--keep", str(tmp_path / "elsewhere"), "--json", str(whole))
    uninterrupted = written(whole)
    assert uninterrupted["calls"] == report["calls"] + 4
    assert uninterrupted["questions"] == report["questions"]


@pytest.mark.slow
def test_an_interrupted_run_keeps_the_reply_that_is_under_way(
    honest: JudgeServer, question: Path, tmp_path: Path
) -> None:
    command = [*PROCESS, str(question), "--rows", "2", "--yes"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def answer(request: Request) -> Response:
        if len(honest.bodies) == 3:
            process.send_signal(signal.SIGINT)
        return honest.answer(request)

    honest.fault = answer
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Interrupted. All replies so far are kept" in in_one_line(said)
    (kept,) = (tmp_path / "data" / "judge").glob("*.jsonl")
    assert 3 <= len(kept.read_text().splitlines()) == len(honest.bodies)


def test_an_endpoint_with_a_limit_gets_fewer_calls_at_once_and_every_answer_is_graded(
    honest: JudgeServer, question: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "PATIENCE", 5)
    refusals = iter([True, False, True, True, *[False] * 10_000])

    def limited(request: Request) -> Response:
        if len(json.loads(request.get_data())["messages"]) > 1 and next(refusals):
            return Response("{}", 429, {"Retry-After": "1"})
        return honest.answer(request)

    honest.fault = limited
    result = run(str(question), "--rows", "1", "--parallel", "4", "--json", str(tmp_path / "limited.json"))
    honest.fault = None
    run(str(question), "--rows", "1", "--fresh", "--json", str(tmp_path / "free.json"))
    assert result.exit_code == 1, result.output
    limited_report, free = (written(tmp_path / f"{name}.json") for name in ("limited", "free"))
    assert limited_report["questions"] == free["questions"]
    assert limited_report["calls"] == free["calls"]


@pytest.mark.parametrize(
    ("answers", "count", "right", "marked", "denials", "expected"),
    [
        (46, 40, 40, 46, (40, 20), 0),  # enough
        (25, 20, 20, 25, (40, 20), 15),  # forty are needed, and with them the bound is high enough
        (3, 3, 3, 46, (40, 20), 0),  # only a few of enough answers were graded
        (40, 12, 12, 40, (40, 20), 14),  # 16 final grades, all right, have a lower bound of 0.80
        (40, 30, 20, 40, (40, 20), 0),  # more answers do not help a judge that is wrong too often
        (40, 0, 0, 40, (40, 20), 0),
        (40, 12, 12, 40, (40, 21), 0),  # nor one whose replies about denials cannot be used
        (40, 2, 2, 40, (38, 38), 0),
    ],
)
def test_how_many_answers_are_missing(
    answers: int, count: int, right: int, marked: int, denials: tuple[int, int], expected: int
) -> None:
    replies = {"denials": dict(zip(("count", "unusable"), denials, strict=True))}
    figures = {"answers": answers, "final_right": {"count": count, "right": right}, "replies": replies}
    assert qualification.missing(figures, Gate(), marked) == expected


def test_each_question_says_how_many_marked_answers_it_lacks(
    honest: JudgeServer, question: Path, tmp_path: Path
) -> None:
    lines = (question / "gold.jsonl").read_text().splitlines()
    kept = [line for n, line in enumerate(lines) if n <= 12 or json.loads(line).get("role") != "calibration"]
    (question / "gold.jsonl").write_text("\n".join(kept) + "\n")
    result = run(str(question), "--rows", "2", "--json", str(tmp_path / "report.json"))
    figures = written(tmp_path / "report.json")["questions"]["explain"]
    marked = sum(json.loads(line).get("role") == "calibration" for line in kept)
    assert kept != lines and figures["answers_marked"] == marked
    assert figures["answers_missing"] == 40 - marked
    said = in_one_line(result.output)
    assert f"Mark {40 - marked} more answers" in said and f"Only 2 of its {marked} marked answers were graded" in said


def test_a_question_without_any_marked_answer_for_calibration_is_named(
    honest: JudgeServer, course: Path, question: Path, tmp_path: Path
) -> None:
    pilot = write_free_text_challenge(course / "first" / "pilot", id="pilot")
    write_gold(pilot, calibration=0)
    lesson = course / "first" / "lesson.yaml"
    lesson.write_text(lesson.read_text().replace("- explain\n", "- explain\n- pilot\n"))
    result = run(str(course), "--rows", "1", "--json", str(tmp_path / "report.json"))
    report = written(tmp_path / "report.json")
    assert (list(report["questions"]), report["unmarked"], report["passed"]) == (["explain"], ["pilot"], False)
    assert "pilot: not measured. Mark 40 answers" in in_one_line(result.output)
