"""Item analysis against numpy, which computes every correlation from the whole table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.challenge_health import advice
from gradus.challenge_health.item_analysis import LEARNERS_MIN, ItemFigures, analysed
from gradus.challenge_health.models import NO_SCORE

TABLES = st.integers(2, 6).flatmap(
    lambda rows: st.lists(st.lists(st.integers(0, 100), min_size=rows, max_size=rows), min_size=1, max_size=40)
)


@given(TABLES)
def test_shares_and_discriminations_are_those_of_the_whole_table(table):
    found = analysed([bytes(one) for one in table])
    scores = np.array(table) / 100
    assert [one.share for one in found] == pytest.approx(list(scores.mean(axis=0)))
    for number, one in enumerate(found):
        column, rest = scores[:, number], np.delete(scores, number, axis=1).mean(axis=1)
        if len(table) < LEARNERS_MIN or column.std() < 1e-12 or rest.std() < 1e-9:
            assert one.discrimination is None
        else:
            assert one.discrimination == pytest.approx(np.corrcoef(column, rest)[0, 1], abs=1e-6)
            assert -1.000001 <= one.discrimination <= 1.000001


def test_learners_without_all_scores_are_left_out():
    whole, short, holed = bytes([100, 0]), bytes([100]), bytes([NO_SCORE, 100])
    assert [one.share for one in analysed([whole, short, holed])] == [1.0, 0.0]
    assert analysed([]) == [] == analysed([b""]) == analysed([holed])


def test_the_most_common_wrong_answers_come_first_and_rows_that_are_gone_do_not_count():
    wrong = [{"0": "sea"}, {"0": "sky"}, {"0": "sea", "9": "gone"}]
    assert analysed([bytes([0, 100])] * 3, wrong)[0].wrong == (("sea", 2), ("sky", 1))


def figures(share: float, power: float | None = 0.4, learners: int = 30, wrong=()) -> ItemFigures:
    return ItemFigures(learners, share, power, wrong)


@pytest.mark.parametrize(
    ("item", "says", "is_warning"),
    [
        (figures(0.4, -0.2), "probably wrong", True),
        (figures(0.3, 0.3, wrong=(("sea", 20),)), "same wrong answer", True),
        (figures(0.0, None), "Nobody", False),
        (figures(1.0, None), "Everybody", False),
        (figures(0.5, 0.05), "says little", False),
        (figures(0.5), "", False),
        (figures(0.4, -0.5, learners=LEARNERS_MIN - 1), "", False),
    ],
)
def test_what_to_do_follows_from_the_figures(item, says, is_warning):
    said = advice.of_row(item)
    assert says in said.text and bool(said.text) == bool(says) and said.is_warning is is_warning
