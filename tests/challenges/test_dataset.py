from __future__ import annotations

import pytest

from challenges.dataset import TOKENS_PER_SECOND, report, training_seconds
from challenges.kinds.tune import Hyperparameters
from challenges.rows import TrainRow
from challenges.spec import Challenge
from tests.challenges import factory

CHALLENGE = Challenge.model_validate(factory.prompt_spec())
ROWS = [
    TrainRow(input="A wave!", output="sea"),
    TrainRow(input="a  wave", output="sky"),
    TrainRow(input="the sun", output="sky"),
    TrainRow(input="The sun.", output="sky"),
    TrainRow(input="a very long row about clouds", output="sky"),
]


def test_counts_balance_duplicates_and_conflicts(count_words):
    found = report(CHALLENGE, ROWS, count_words)
    assert (found.rows, found.labels, found.balance) == (5, {"sea": 1, "sky": 4}, 4.0)
    assert found.duplicates == ((1, 2), (3, 4))
    assert found.conflicts == ((1, 2),)
    assert found.problems == ()


def test_tokens_are_those_of_the_whole_rows_times_epochs(count_words):
    found = report(CHALLENGE, ROWS, count_words, hyperparameters=Hyperparameters(num_train_epochs=2))
    assert found.total_tokens == 2 * (4 * 5 + 9)
    assert training_seconds("lora", found.total_tokens) == pytest.approx(found.total_tokens / TOKENS_PER_SECOND)
    assert (found.longest_row, found.tokens_per_row) == (5, 29 / 5)
    assert sum(group.rows for group in found.histogram) == 5
    assert (found.histogram[0].low, found.histogram[-1].high) == (5, 9)


def test_instructions_count_for_each_row(count_words):
    with_them = report(CHALLENGE, ROWS, count_words, instructions="Sea or sky?")
    assert with_them.tokens_per_row == report(CHALLENGE, ROWS, count_words).tokens_per_row + 3


def test_problems_are_those_of_a_submit(count_words):
    found = report(CHALLENGE, [*ROWS, TrainRow(input="x", output="air")], count_words)
    assert [(p.code, p.line) for p in found.problems] == [("unknown_label", 6)]
    assert found.labels["air"] == 1
    assert [p.code for p in report(CHALLENGE, ROWS * 30, count_words).problems] == ["too_many_rows"]


def test_no_rows_are_a_problem_and_no_error(count_words):
    found = report(CHALLENGE, [], count_words)
    assert [p.code for p in found.problems] == ["empty"]
    assert (found.rows, found.total_tokens, found.histogram, found.balance) == (0, 0, (), None)
