"""Each similarity of short answers separately, without a model."""

from __future__ import annotations

import numpy as np
import pytest

from graders.free_text.verifier import short_answers as short
from graders.free_text.verifier.phrases import rubric_phrases


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
