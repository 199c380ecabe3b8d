"""`gradus challenge try` scores a submission on public rows, and says in words why it cannot."""

from __future__ import annotations

import json
import re

import pytest
import typer
from typer.testing import CliRunner

from graders.base import Train
from tests.challenges import factory
from tests.workers.authoring.prove_process import Knowing
from workers.authoring import try_command

HIDDEN = [row["input"] for row in factory.label_samples("h", 2, 5)]


@pytest.fixture
def runners(monkeypatch):
    made = []

    def runner():
        made.append(Knowing())
        return made[-1]

    monkeypatch.setattr(try_command, "own_runner", runner)
    return made


@pytest.fixture
def folder(tmp_path):
    return factory.write_prompt_challenge(tmp_path / "sea-or-sky")


def call(*arguments):
    app = typer.Typer()
    app.command()(try_command.try_)
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def test_each_public_row_has_its_answer_beside_the_expected_one(folder, runners):
    done = call(folder / "baselines/weak.yaml")
    assert done.exit_code == 0, done.output
    rows = [[cell.strip() for cell in re.split(r"[│|]", line)[1:-1]] for line in done.output.splitlines()]
    assert ["p0-sea", "right", "sea", "sea"] in rows and ["p0-sky", "wrong", "sea", "sky"] in rows
    assert "score on public rows: 0.3333" in done.output and "(2 right, 2 wrong)" in done.output
    assert runners[0].closed


def test_json_has_raw_scores_and_the_whole_rows_and_hidden_rows_are_not_touched(folder, runners):
    found = json.loads(call(folder / "baselines/good.yaml", "--json").stdout)
    assert (found["challenge"], found["kind"], found["score"], found["seed"]) == ("sea-or-sky", "prompt", 1.0, None)
    first = found["rows"][0]
    assert (first["id"], first["input"]) == ("p0-sea", "I saw a wave today")
    assert (first["expected"], first["answer"], first["mark"]) == (["sea"], "sea", "right")
    asked = " ".join(suffix for item in runners[0].items for suffix in item.suffixes)
    assert "I saw a wave today" in asked and not [text for text in HIDDEN if text in asked]


def test_a_training_run_trains_in_full_with_the_seed_that_is_given(folder, runners):
    found = json.loads(call(folder / "baselines/lora.yaml", "--json", "--seed", "23").stdout)
    (trained,) = [item for item in runners[0].items if isinstance(item, Train)]
    assert (trained.seed, trained.max_steps, trained.num_train_epochs) == (23, None, 2)
    assert (found["seed"], found["score"]) == (23, 1.0)


def test_a_file_in_any_folder_of_the_challenge_is_tried(folder, runners):
    factory.write_yaml(folder / "findings/idea.yaml", {"kind": "prompt", "instructions": "KNOW"})
    assert "score on public rows: 1.0000" in call(folder / "findings/idea.yaml").output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": "prompt", "sentences": ["x"]}, "the key `sentences` is unknown"),
        ({"kind": "prompt", "label_words": {"land": "x"}}, "a submit would be refused"),
        ({"kind": "tune", "rows_file": "gone.jsonl"}, "there is no `gone.jsonl`"),
        ({"kind": "tune", "rows": [{"input": "DIVERGE", "output": "sea"}] * 1}, "rejected: diverged"),
    ],
)
def test_what_cannot_be_tried_is_told(folder, runners, content, words):
    factory.write_yaml(folder / "findings/idea.yaml", content)
    done = call(folder / "findings/idea.yaml")
    assert done.exit_code == 1 and words in done.output, done.output
    assert "Traceback" not in done.output


def test_a_file_without_a_challenge_and_a_challenge_without_rows_are_told(tmp_path, runners):
    factory.write_yaml(tmp_path / "alone.yaml", {"kind": "prompt"})
    assert "there is no challenge.yaml above" in call(tmp_path / "alone.yaml").output
    explain = factory.write_free_text_challenge(tmp_path / "explain")
    assert "explain has no public rows" in call(explain / "baselines/good.yaml").output
    missing = call(explain.parent / "explain/baselines/gone.yaml")
    assert missing.exit_code == 1 and "the file is missing" in missing.output
    assert runners == []
