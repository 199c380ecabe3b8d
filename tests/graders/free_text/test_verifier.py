"""The built-in verifier: numbers, likeness of short answers, and how certain it is, without a model."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from challenges.spec import Challenge
from graders.free_text.verifier import short_answers as short
from graders.free_text.verifier.estimate import Estimate, certainty, embed_item, estimate
from graders.free_text.verifier.likeness import Prediction, predict
from graders.free_text.verifier.numbers import same, values
from graders.free_text.verifier.phrases import rubric_phrases
from tests.graders.free_text.judges import bundle_of, embed, gold_rows, question


@pytest.mark.parametrize(
    ("value", "ways"),
    [
        (1000, ["1,000", "1000", "1 000", "10^3", "1e3", "1k", "one thousand", "1.0 * 10^3"]),
        (16000, ["16k", "sixteen thousand", "1.6e4", "1.6 x 10^4", "16,000 numbers"]),
        (0.5, ["0.5", "0,5", ".5", "50 %", "50%", "fifty percent", "half", "one half", "1/2", "1 in 2"]),
        (0.75, ["3/4", "three quarters", "45 out of 60", "45/60", "75 per cent", "seventy-five percent"]),
        (-1, ["-1", "\u22121"]),
        (1600000, ["1.6 million", "1,600,000"]),
    ],
)
def test_one_number_in_many_ways(value: float, ways: list[str]) -> None:
    assert [way for way in ways if not same(values(way)[-1], value)] == []


@pytest.mark.parametrize("text", ["", "none", "L2", "the prompt", "...", "top_k"])
def test_where_there_is_no_number(text: str) -> None:
    assert values(text) == ()


def test_order_is_kept_and_a_sum_is_no_sign() -> None:
    assert values("1 - 15/60 = 0.75") == (1, 15, 60, 0.25, 0.75)
    assert values("2 x 8 x 1000 = 16 000") == (2, 8, 1000, 16000)


def test_a_point_before_three_digits_is_read_both_ways() -> None:
    assert values("16.000") == (16.0, 16000.0)
    assert values("0.125") == (0.125,)


@pytest.mark.parametrize("text", ["9" * 5000 + "^9", "9" * 50 + "e999 million", "1/0.000", "1," * 4000, "-" * 4000])
def test_hostile_numbers_are_finite(text: str) -> None:
    assert all(math.isfinite(value) for value in values(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Not the prompt, the weights.", "not PROMPT weights"),
        ("the weights, not the prompt", "weights not PROMPT"),
        ("It doesn't fall but rises", "not FALL but rises"),
        ("up, not down", "up not DOWN"),
        ("<", "-"),
    ],
)
def test_negation_reaches_to_the_end_of_its_clause(text: str, words: str) -> None:
    assert short.marked(text) == words


def test_a_negated_word_is_unlike_the_word() -> None:
    kernel = short.by_spelling(["not the weights, the prompt", "the prompt", "the weights"])
    assert kernel[0, 1] > 2 * kernel[0, 2]


def test_a_slip_of_the_pen_changes_little() -> None:
    kernel = short.by_spelling(["overfitting", "overfiting", "contamination"])
    assert kernel[0, 1] > 0.5 > 0.1 > kernel[0, 2]


def test_equal_numbers_are_alike_and_the_result_counts_most() -> None:
    kernel = short.by_numbers(["45/60 = 0.75", "75 %", "45", "no number"])
    assert kernel[0, 1] > kernel[0, 2] > 0
    assert kernel[0, 3] == 0
    assert not short.by_numbers(["the prompt", "the weights"]).any()


def test_what_all_answers_share_is_taken_away() -> None:
    shared = np.array([10.0, 0, 0])
    vectors = np.array([shared + other for other in ([0, 1, 0], [0, 1, 0.1], [0, -1, 0])])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kernel = short.by_meaning(vectors, [0, 1, 2], [[0], [1], [2]])
    assert kernel[0, 0] == pytest.approx(1 + short.CLAUSES)
    assert kernel[0, 1] > 5 * kernel[0, 2]


def test_clauses_are_the_parts_that_may_make_a_point_each() -> None:
    assert short.clauses("overfitting, early stopping") == ["overfitting", "early stopping"]
    assert short.clauses("It overfits because of few rows - more data") == ["It overfits", "of few rows", "more data"]
    assert short.clauses("0.75") == ["0.75"]
    assert short.clauses("?!") == ["?!"]


def test_sentences_are_not_short_answers() -> None:
    assert short.are_short(("0.75", "the prompt"))
    assert not short.are_short(("word " * 40,) * 3)
    assert not short.are_short(())


def test_a_rubrics_own_sentences_say_what_counts() -> None:
    text = (
        "The answer names dropout, or weight decay. Half credit for a smaller step. Not met for more epochs. So be it."
    )
    assert rubric_phrases(text) == {"dropout": 1.0, "weight decay": 1.0, "a smaller step": 0.5, "more epochs": 0.0}
    assert rubric_phrases("Nicht erf\u00fcllt, wenn nur Daten genannt werden.") == {}


def spec(count: int, *, passing: float = 0.6) -> Challenge:
    rows = [{"id": f"c{n}", "points": 1, "label": "l", "text": "t"} for n in range(count)]
    return question(rubric=rows, **{"pass": passing})


def test_a_value_on_the_border_is_an_open_question_and_one_far_away_is_not() -> None:
    one = spec(1)
    assert certainty(one, {"c0": Prediction(0.5, 0.2)}) == pytest.approx(0.5)
    assert certainty(one, {"c0": Prediction(0.9, 0.2)}) == pytest.approx(0.977, abs=1e-3)
    assert certainty(one, {"c0": Prediction(0.1, 0.2)}) == pytest.approx(0.977, abs=1e-3)
    assert certainty(one, {"c0": Prediction(0.9, 0.8)}) < 0.7


def test_doubts_of_several_criteria_add_up() -> None:
    both = {"c0": Prediction(0.7, 0.2), "c1": Prediction(0.7, 0.2)}
    each = certainty(spec(1), {"c0": both["c0"]})
    assert certainty(spec(2), both) == pytest.approx(each**2)
    assert certainty(spec(2, passing=0.5), both) == pytest.approx(1 - (1 - each) ** 2)


def test_spread_is_what_left_out_answers_were_wrong_by_and_wider_for_a_stranger() -> None:
    rng = np.random.default_rng(3)
    points = np.append(np.linspace(-1, 1, 40), [0.1])
    kernel = np.exp(-((points[:, None] - points[None]) ** 2) / 0.1)
    noise = rng.normal(0, 0.2, 40)
    near = predict(kernel, (points[:-1] > 0) + noise, 40, ridge=0.2)
    assert 0.1 < near.spread < 0.4
    calm = predict(kernel, (points[:-1] > 0) + noise / 10, 40, ridge=0.2)
    assert calm.spread < near.spread
    kernel[-1, :-1] = kernel[:-1, -1] = 0
    assert predict(kernel, (points[:-1] > 0) + noise, 40, ridge=0.2).spread > 1.5 * near.spread


def guess(answer: str, rows: int) -> Estimate:
    bundle = replace(bundle_of(), gold=tuple(gold_rows(rows)))
    item = embed_item(bundle, answer)
    return estimate(bundle, answer, item, embed(item))


def test_a_plain_case_is_sure_and_without_graded_answers_nothing_is() -> None:
    answer = "In garden 99 chlorophyll soaks up the red and the blue light."
    assert 0.9 < guess(answer, 24).certainty <= 1
    assert guess(answer, 0).certainty < 0.9


@pytest.mark.parametrize("answer", ["", "::", "42", "\u56e0\u4e3a", "a " * 50])
@pytest.mark.parametrize("rows", [0, 7, 8, 24])
def test_every_estimate_is_within_its_bounds(answer: str, rows: int) -> None:
    found = guess(answer, rows)
    assert 0 <= found.certainty <= 1
    assert all(0 <= value <= 1 for value in found.values.values())
