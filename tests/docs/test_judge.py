"""The page about setting up a judge: its commands are followed word by word, and its table is what was measured."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from benchmarks import judge_costs
from challenges.reading import read_challenge
from graders.base import Embed
from gradus.cli.main import app
from gradus.courses.models import Calibration
from tests.challenges.factory import let_a_judge_pass, write_free_text_challenge, write_lesson, write_yaml
from tests.docs.pages import ROOT
from tests.graders.free_text import judges
from tests.judge_server import Honest, JudgeServer
from workers.authoring import calibrate_command, qualify_command
from workers.judge.client import JudgeClient
from workers.judge.ledger import Ledger

PAGE = (ROOT / "docs" / "judge.md").read_text()
HOSTED, OWN, *STEPS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"https?://\S+/v1")


def exported(block: str) -> dict[str, str]:
    """The variables of a block of exports."""
    words = [shlex.split(line) for line in block.splitlines()]
    assert all(line[0] == "export" for line in words)
    return dict(word.split("=", 1) for line in words for word in line[1:])


@pytest.fixture
def question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small course where the page's commands look for the built-in one, with one question of that name."""
    root = tmp_path / "challenges" / "library"
    lesson = write_lesson(root / "retrieval", challenges=["where-did-the-answer-go-wrong"])
    for name in ("sea-or-sky", "ticket", "explain"):
        shutil.rmtree(lesson / name)
    question = write_free_text_challenge(lesson / "where-did-the-answer-go-wrong", id="where-did-the-answer-go-wrong")
    let_a_judge_pass(question)
    course = {"schema": 1, "id": "tiny", "version": "1.0.0", "title": "Tiny", "summary": "For a test."}
    write_yaml(root / "course.yaml", {**course, "lessons": ["retrieval"]})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    for module in (qualify_command, calibrate_command):
        monkeypatch.setattr(module, "embed", lambda texts, watch: judges.embed(Embed(tuple(texts))).vectors)
    return question


@pytest.mark.django_db
def test_the_commands_lead_from_the_settings_to_a_judge_whose_grades_are_final(
    question: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = JudgeServer(httpserver, Honest((row.answer, row.marks) for row in read_challenge(question).gold))
    for name, value in exported(OWN).items():
        monkeypatch.setenv(name, ADDRESS.sub(server.url, value))
    monkeypatch.setattr(qualify_command, "has_terminal", lambda: True)
    sent, outputs = [], []
    for step in STEPS:
        (command,) = step.splitlines()
        name, *words = shlex.split(command)
        if name == "gradus":
            result = CliRunner().invoke(app, words, input="y\n")
            outputs.append(result.output)
            assert result.exit_code == (1 if "--rows" in words else 0), result.output
        else:
            assert [name, words[0]] == ["python", "manage.py"]
            call_command(*words[1:], verbosity=0)
        sent.append(len(server.bodies))
    trial, whole, calibrated, imported = sent
    assert 0 < trial < whole == calibrated == imported, "only the trial and the whole run send anything"
    assert [("Send them?" in output) for output in outputs] == [True, True, False]
    assert "money:  about 0.00 USD" in outputs[0] and "json_schema" in outputs[0]
    assert Calibration.objects.get(model="judge-7").passed


def test_the_settings_for_an_endpoint_with_a_key_make_a_judge_with_prices() -> None:
    found = exported(HOSTED)
    client = JudgeClient.from_environment(Ledger(), found)
    assert (client.model, client.prices.micros(1_000_000, 1_000_000)) == ("the-model", 750_000)
    assert client.client is not None
    client.client.close()


def test_the_costs_are_those_that_were_measured() -> None:
    measured = json.loads(judge_costs.RESULTS.read_text())
    for part in judge_costs.page_parts(measured):
        assert part in PAGE, "run `python -m benchmarks.judge_costs`"
    prices = exported(HOSTED)
    assert (float(prices["GRADUS_JUDGE_PRICE_INPUT"]), float(prices["GRADUS_JUDGE_PRICE_OUTPUT"])) == (
        judge_costs.PRICE_SENT,
        judge_costs.PRICE_RECEIVED,
    )


def test_the_default_budgets_suffice_for_a_class_that_hands_in_twice() -> None:
    questions = json.loads(judge_costs.RESULTS.read_text())["questions"]
    tokens = [
        2 * judge_costs.LEARNERS * sum(one["grade"][name] for name in ("sent", "received"))
        for one in questions.values()
    ]
    assert max(tokens) < settings.JUDGE_TOKENS["challenge"]
    assert sum(tokens) < settings.JUDGE_TOKENS["site"]
