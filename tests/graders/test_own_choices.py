"""The score by a learner's own choices: doubled odds on those that are held out, and a guard against collapse."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from challenges.kinds.tune import TunePayload
from challenges.kinds.tune_keys import tune
from challenges.reading import read_challenge
from graders.base import Assignment, Generate, Generated, Grade, Score, Scored, Train, Trained, WorkItem
from graders.registry import grade
from tests.graders.bundles import drive

BUNDLE = read_challenge(Path(__file__).parents[2] / "docs" / "examples" / "your-clicks")
PAYLOAD = next(b.payload for b in BUNDLE.baselines if b.ref.file.endswith("brisk.yaml"))
TRAINED = Trained("/adapters/1", 3, 0.4, None, 0.0091, 4_900_000, 120, 2.5)


def graded(gain: Any, *, right: int = 8, hidden: bool = True, draw: str = "lot") -> tuple[Grade, list[WorkItem]]:
    """`gain` is by how much the odds of the chosen answer rise, in nats, by the number of the pair."""
    asked: list[str] = []

    def answer(item: WorkItem) -> Any:
        if isinstance(item, Train):
            return TRAINED
        if isinstance(item, Generate):
            rows = BUNDLE.hidden if item.stage == "hidden" else BUNDLE.public
            texts = [row.target.must[0] if n < right else "" for n, row in enumerate(rows)]
            return Generated(texts, [9] * len(texts), [3] * len(texts), 0.1)
        assert isinstance(item, Score) and len(item.labels) == 2
        if item.adapter == "job":
            asked.append(item.suffixes[0])
            return Scored([[-40.0 + gain(len(asked) - 1), -30.0]], [9], 0.1)
        assert item.adapter is None and item.suffixes[0] == asked[-1]
        return Scored([[-40.0, -30.0]], [9], 0.1)

    return drive(grade(Assignment(BUNDLE, PAYLOAD, hidden, draw=draw)), answer)


def test_the_score_is_the_share_whose_odds_have_doubled() -> None:
    found, _ = graded(lambda n: math.log(2) + 0.01 if n < 9 else math.log(2) - 0.01)
    assert found.score == 9 / 12 and len(found.private["own_choices"]["gains"]) == 12
    assert found.metrics == {"required_content": 1.0}


@pytest.mark.parametrize("gain", [0.0, 0.1, -3.0])
def test_a_run_that_changes_next_to_nothing_scores_nothing(gain: float) -> None:
    assert graded(lambda n: gain)[0].score == 0.0


@pytest.mark.parametrize(("right", "score"), [(8, 1.0), (2, 1.0), (1, 0.5), (0, 0.0)])
def test_a_model_that_writes_nothing_of_use_loses_its_score(right: int, score: float) -> None:
    assert graded(lambda n: 5.0, right=right)[0].score == score


def test_held_out_choices_are_asked_about_and_not_trained_on() -> None:
    assert isinstance(PAYLOAD, TunePayload)
    own = tune(BUNDLE.challenge).own_choices
    assert own is not None
    _, held = own.split(PAYLOAD.rows, "lot")
    _, (train, *rest) = graded(lambda n: 5.0)
    assert isinstance(train, Train) and len(train.rows) == 12 and train.valid == ()
    trained = "\n".join(row[0] for row in train.rows)
    asked = [item for item in rest if isinstance(item, Score)]
    assert len(asked) == 24 and all(row.input not in trained for row in held)
    assert [row.input in item.suffixes[0] for row, item in zip(held, asked[::2], strict=True)] == [True] * 12
    assert all(item.stage not in ("public", "hidden") and item.exact for item in asked)
    assert asked[0].labels == (held[0].chosen + "<|im_end|>", held[0].rejected + "<|im_end|>")


def test_what_a_learner_sees_does_not_depend_on_which_are_held_out_or_shared() -> None:
    """The score apart: it is floored to its step before anybody sees it."""
    one, other = graded(lambda n: 5.0)[0], graded(lambda n: 5.0 * (n % 2), draw="another")[0]
    for name in ("public", "public_score", "public_metrics", "metrics", "cost", "training", "marks"):
        assert getattr(one, name) == getattr(other, name)


def test_a_run_on_public_rows_holds_the_same_out_and_asks_nothing() -> None:
    found, items = graded(lambda n: 5.0, hidden=False)
    assert found.score is None and [type(item) for item in items] == [Train, Generate]
    train, whole = items[0], graded(lambda n: 5.0)[1][0]
    assert isinstance(train, Train) and isinstance(whole, Train) and train.rows == whole.rows
