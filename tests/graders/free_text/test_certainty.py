"""Certainty is the probability that the verdict is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from challenges.spec import Challenge
from graders.free_text.verifier.estimate import Estimate, certainty, embed_item, estimate
from graders.free_text.verifier.likeness import Prediction, predict
from tests.graders.free_text.judges import bundle_of, embed, gold_rows, question


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
