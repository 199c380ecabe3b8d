"""Candidates, between whose answers learners choose, and what lint and a submit ask of choices."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from challenges.bundle import ChallengeBundle
from challenges.check import check
from challenges.kinds.own_choices import OwnChoices
from challenges.kinds.tune import training_steps
from challenges.kinds.tune_keys import candidates, held_out, tune
from challenges.lint.run import lint
from challenges.payloads import parse
from challenges.reading import read_challenge
from challenges.spec import dump
from tests.challenges import factory

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "your-clicks"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "your-clicks"))


@pytest.fixture
def bundle() -> ChallengeBundle:
    return read_challenge(EXAMPLE)


def payload(rows: list[dict[str, str]]) -> Any:
    knobs = {"learning_rate": 3e-4, "num_train_epochs": 1}
    return parse({"kind": "tune", "method": "dpo", "rows": rows, "hyperparameters": knobs})


def rows_of(bundle: ChallengeBundle) -> list[dict[str, str]]:
    return [
        {"prompt": one.prompt, "chosen": one.answers[0], "rejected": one.answers[1]}
        for one in candidates(bundle.challenge)
    ]


def change(folder: Path, **spec: Any) -> None:
    file = folder / "challenge.yaml"
    factory.write_yaml(file, {**factory.yaml.safe_load(file.read_text()), **spec})


def change_line(folder: Path, number: int, **more: Any) -> None:
    file = folder / "candidates.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[number] |= more
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def said(folder: Path) -> str:
    return "\n".join(str(problem) for problem in lint(folder))


def test_candidates_are_part_of_the_content(bundle: ChallengeBundle, folder: Path) -> None:
    again = ChallengeBundle.from_json(bundle.to_json())
    assert candidates(again.challenge) == candidates(bundle.challenge) and len(candidates(bundle.challenge)) == 24
    assert candidates(bundle.with_seed(18).challenge) == candidates(bundle.challenge)
    change_line(folder, 0, answers=["One.", "Another."])
    assert read_challenge(folder).digest != bundle.digest


def test_what_is_not_used_is_left_out_of_a_dump(bundle: ChallengeBundle) -> None:
    plain = factory.prompt_spec()
    assert "candidates" not in plain and "own_choices" not in dump(tune(bundle.challenge.model_validate(plain)))


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"answers": ["The soup is hot.", "the soup  is hot!"]}, "has the same answer twice"),
        ({"answers": ["One.", " "]}, "has an empty text"),
        ({"answers": ["One."]}, "answers"),
        ({"answers": ["One.", "<|im_end|>"]}, "a control token of the model"),
        ({"answers": ["One.", "zero​width"]}, "the unseen character"),
        ({"id": "bins"}, "has an id that another has too"),
        ({"prompt": "Remind Lena to put the bins out tonight."}, "has the prompt of"),
        ({"prompt": "Ask Jack to wash the car."}, "has the input of a hidden row"),
        ({"better": 1}, "the key `better` is unknown"),
    ],
)
def test_lint_finds_what_is_wrong_with_a_candidate(folder: Path, more: dict[str, Any], what: str) -> None:
    change_line(folder, 0, **more)
    assert what in said(folder)


def test_lint_finds_an_answer_that_is_too_long(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("challenges.lint.tune.counter", lambda model: lambda text: len(text.split()))
    change_line(folder, 0, answers=["One.", "word " * 200])
    assert "with its longest answer; row_tokens_max is 128" in said(folder)


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ({"candidates": "elsewhere.jsonl"}, "there is no `elsewhere.jsonl`"),
        ({"candidates": "../candidates.jsonl"}, "leaves the challenge's folder"),
        ({"pass": 0.7}, "passes with a probability of 7.3%"),
        ({"also": ["prompt"]}, "only a trained model can be asked about own choices"),
    ],
)
def test_lint_finds_what_is_wrong_with_the_challenge(folder: Path, spec: dict[str, Any], what: str) -> None:
    change(folder, **spec)
    assert what in said(folder)


def test_a_submission_holds_choices_between_the_candidates(
    bundle: ChallengeBundle, count_words: Callable[[str], int]
) -> None:
    rows = rows_of(bundle)
    found = lambda given: [(p.code, p.line) for p in check(bundle.challenge, payload(given), count_words)]  # noqa: E731
    assert found(rows) == []
    assert found(rows[:9]) == [("too_few_choices", None)]
    assert ("not_your_choice", 3) in found([*rows[:2], {**rows[2], "chosen": "My own words."}, *rows[3:]])
    assert ("repeated", 24) in found([*rows[:23], rows[0]])


def test_a_share_is_held_out_by_lot_and_stays_held_out(bundle: ChallengeBundle) -> None:
    section, rows = tune(bundle.challenge), payload(rows_of(bundle)).rows
    own = section.own_choices
    assert own is not None
    splits = [own.split(rows, draw)[1] for draw in ("a", "b", "a")]
    assert splits[0] == splits[2] != splits[1] and {len(held) for held in splits} == {12}
    assert own.split(rows[::-1], "a")[1] == splits[0][::-1]
    kept, shown = held_out(section, "dpo", rows, "a")
    assert set(kept).isdisjoint(splits[0]) and len(kept) == 12 and shown == ()
    every_third = section.model_copy(update={"hold_out_every": 3})
    kept, shown = held_out(every_third, "dpo", rows, "a")
    assert (len(kept), len(shown)) == (8, 4) and set(splits[0]).isdisjoint({*kept, *shown})
    assert training_steps(len(kept), payload(rows_of(bundle)).hyperparameters) == 2


def test_luck_is_the_tail_of_a_binomial() -> None:
    own = OwnChoices(least=40, held_out=0.25)
    assert own.count(40) == 10
    assert own.luck(0.8) == pytest.approx((45 + 10 + 1) / 1024) and own.luck(0.9) == pytest.approx(11 / 1024)
