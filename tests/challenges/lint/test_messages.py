"""Usual mistakes of authors: each is said in one sentence that names the key and says how to mend it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from challenges.lint.run import inspect, lint
from challenges.reading import BundleErrors, read_challenge
from challenges.spec import Label
from tests.challenges import factory


def said(folder: Path) -> list[str]:
    return [str(problem) for problem in lint(folder)]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pass": -1}, "`pass` is -1: write a number of at least 0"),
        ({"gold": 1.5}, "`gold` is 1.5: write a number of at most 1"),
        ({"pass": "most"}, "`pass` is not a number: write a number"),
        *(
            ({"hints": hints}, "`hints` is not a list of three texts: write three hints, each on a line of its own")
            for hints in ("none", None, ["one", "two"], ["one", "two", "three", "four"])
        ),
        ({"hints": ["one", 2, "three"]}, "`hints.1` is not a text: put the value in quotes"),
        ({"version": "1.0"}, "`version` is malformed: write three numbers with dots between them: `1.0.0`"),
        ({"version": 1.0}, "`version` is not three numbers: write three numbers with dots between them: `1.0.0`"),
        ({"title": 5}, "`title` is not a text: put the value in quotes"),
        ({"limits": {"seconds": 9999}}, "`limits.seconds` is 9999: write a number of at most 600"),
        ({"feedbak": {"step": 0.1}}, "the key `feedbak` is unknown: did you mean `feedback`?"),
    ],
)
def test_a_mistake_is_said_with_its_cure(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    folder = factory.write_prompt_challenge(tmp_path / "sea-or-sky", **changes)
    (problem,) = said(folder)
    assert problem.startswith("challenge.yaml:") and sentence in problem


def test_a_learning_rate_may_be_written_with_an_exponent(tmp_path: Path) -> None:
    folder = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    file = folder / "baselines/lora.yaml"
    file.write_text("kind: tune\nrows_file: ../train.jsonl\nhyperparameters: {learning_rate: 1e-3}\n")
    assert said(folder) == []
    lora = next(one for one in read_challenge(folder).baselines if one.ref.file == "baselines/lora.yaml")
    assert lora.payload.model_dump()["hyperparameters"]["learning_rate"] == 0.001


def test_labels_may_be_words_that_yaml_1_1_takes_for_booleans(tmp_path: Path) -> None:
    folder = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    text = (folder / "challenge.yaml").read_text()
    (folder / "challenge.yaml").write_text(text.replace("- sea\n", "- on\n").replace("- sky\n", "- no\n"))
    answer = read_challenge(folder).challenge.answer
    assert isinstance(answer, Label) and answer.labels == ("on", "no")


@pytest.mark.parametrize(
    ("chosen", "knob", "cure"),
    [
        ({"r": 32}, "hyperparameters.r", "The value must be one of 4, 8, 16"),
        ({"learning_rate": 0.05}, "hyperparameters.learning_rate", "The value must be between"),
        ({"learning_rate": 5.0}, "hyperparameters.learning_rate", "write a number of at most 0.1"),
    ],
)
def test_a_knob_out_of_range_is_named(tmp_path: Path, chosen: dict[str, Any], knob: str, cure: str) -> None:
    folder = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    lora = {"kind": "tune", "rows_file": "../train.jsonl", "hyperparameters": chosen}
    factory.write_yaml(folder / "baselines/lora.yaml", lora)
    (problem,) = said(folder)
    assert problem.startswith("baselines/lora.yaml:4: ") and knob in problem and cure in problem


@pytest.mark.parametrize("name", ["public.jsonl", "hidden.jsonl", "train.jsonl"])
def test_a_wrong_column_is_said_once_and_the_rows_are_not_missing(tmp_path: Path, name: str) -> None:
    folder = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    factory.write_rows(folder / name, [{"text": f"a gull {n}", "label": "sky"} for n in range(40)])
    (problem,) = [one for one in said(folder) if one.startswith(name)]
    assert problem.startswith(f"{name}:1: ") and "(in 40 rows: lines 1, 2, 3, 4, 5, 6, 7, 8 and 32 more): " in problem
    assert not any("no rows" in one for one in said(folder))
    if name != "train.jsonl":
        assert "the key `text` is unknown" in problem
        assert problem.endswith("a row has `id`, `input`, `target`; it may have `split`, `documents`")
        with pytest.raises(BundleErrors) as errors:
            read_challenge(folder)
        assert str(errors.value).count(name) == 1


def test_the_points_of_a_rubric_add_up_to_ten_or_a_hundred(tmp_path: Path) -> None:
    rubric = [{**factory.RUBRIC[0], "points": 60}, *factory.RUBRIC[1:]]
    (problem,) = said(factory.write_free_text_challenge(tmp_path / "explain", rubric=rubric))
    assert "the points of all criteria add up to 110: let them add up to 100" in problem
    tenths = [{**criterion, "points": tenth} for criterion, tenth in zip(factory.RUBRIC, (5, 3, 2), strict=True)]
    assert said(factory.write_free_text_challenge(tmp_path / "b/explain", rubric=tenths)) == []


def test_graded_answers_with_a_wrong_column_are_not_missing(tmp_path: Path) -> None:
    folder = factory.write_free_text_challenge(tmp_path / "explain")
    for name in ("gold.jsonl", "attacks.jsonl"):
        factory.write_rows(folder / name, [{"text": f"Answer {n}."} for n in range(30)])
    assert [problem.partition(":")[0] for problem in said(folder)] == ["attacks.jsonl", "gold.jsonl"]


@pytest.mark.parametrize("name", ["public.jsonl", "train.jsonl"])
def test_a_hidden_row_that_another_challenge_shows_is_told(tmp_path: Path, name: str) -> None:
    root = factory.write_course(tmp_path)
    shown = json.loads((root / "first/ticket" / name).read_text().splitlines()[1])["input"]
    hidden = root / "first/sea-or-sky/hidden.jsonl"
    rows = [json.loads(line) for line in hidden.read_text().splitlines()]
    rows[2]["input"] = f"{shown.upper()}!"
    factory.write_rows(hidden, rows)
    (problem,) = [one for one in said(root) if "shown in" in one]
    assert problem.startswith(f"first/sea-or-sky/hidden.jsonl:3: hidden here, but shown in first/ticket/{name}:2: ")
    assert shown not in problem


def test_two_challenges_may_have_the_same_rows_in_the_same_files(tmp_path: Path) -> None:
    root = factory.write_course(tmp_path)
    factory.write_prompt_challenge(root / "first/ticket", id="ticket")
    assert said(root) == []


@pytest.mark.parametrize(
    ("changes", "advised"),
    [
        ({}, True),
        ({"calibrate": "contextual"}, False),
        ({"calibrate": "batch"}, False),
        ({"calibrate": "none"}, False),
        ({"decode": "generate"}, False),
    ],
)
def test_calibration_is_advised_where_labels_are_scored_and_the_author_has_not_chosen(
    tmp_path: Path, changes: dict[str, Any], advised: bool
) -> None:
    answer = {"type": "label", "labels": list(factory.LABELS), **changes}
    found = inspect(factory.write_prompt_challenge(tmp_path / "sea-or-sky", answer=answer))
    assert found.problems == []
    assert ["`calibrate: contextual`" in one.fix for one in found.advice] == [True] * advised


def test_calibration_is_not_advised_where_every_track_trains(tmp_path: Path) -> None:
    folder = factory.write_prompt_challenge(tmp_path / "sea-or-sky", kind="tune", also=[])
    assert inspect(folder).advice == []
